# Sourced by scripts/check, scripts/demo and scripts/test: installs Debian packages without letting any of them start a service.

# Is the package installed?
has_package() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Is OpenSSL older than the one that mod_ssl was built with? Debian allows that where OpenSSL was there before httpd came; mod_ssl then
# warns of it at each start. libssl-dev tells: it has the version of the library, whose own package is named differently in each release.
has_old_openssl() {
    built_with=$(grep -ao 'OpenSSL [0-9][0-9.]*' /usr/lib/apache2/modules/mod_ssl.so | head -n 1)
    [ -n "$built_with" ] || return 1
    dpkg --compare-versions "$(dpkg-query -W -f '${Version}' libssl-dev)" lt "${built_with#OpenSSL }"
}

# need_packages NAME...: installs those that are missing. They include apache2-bin and libssl-dev.
need_packages() {
    missing=
    for package; do
        has_package "$package" || missing="$missing $package"
    done
    # shellcheck disable=SC2086 # a list of words
    [ -z "$missing" ] || install_packages $missing || return 1
    if has_old_openssl; then
        install_packages libssl-dev # brings the library of its version
    fi
}

# The package with the runtimes of clang's sanitizers and libFuzzer; nothing where they are there, as in Debian 11's clang itself.
package_of_runtimes() {
    echo 'int main(void) { return 0; }' | clang -fsanitize=address,undefined -x c -o /dev/null - 2>/dev/null || echo libclang-rt-dev
}

install_packages() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Missing Debian packages, or outdated ones; as root: apt-get install $*" >&2
        return 1
    fi
    echo "Installing from Debian: $*"
    # In a shell of its own, so that its traps do not replace the caller's.
    (install_quietly "$@")
}

# While this file exists and says 101, no package starts a service. A file that the administrator has put there stays.
policy=/usr/sbin/policy-rc.d

install_quietly() {
    trap 'exit 1' INT TERM HUP
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
    fi
    status=0
    "$policy" nginx start || status=$?
    if [ "$status" != 101 ]; then
        echo "$policy lets packages start services; install these yourself: $*" >&2
        return 1
    fi
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get update -q
    apt-get install -q -y --no-install-recommends "$@"
    # Nor at the next boot: these services were not here before, and the tests run them on ports of their own.
    for package; do
        case $package in
        nginx*) service=nginx ;;
        fail2ban | haproxy | prometheus) service=$package ;;
        *) continue ;;
        esac
        [ ! -x /usr/sbin/update-rc.d ] || update-rc.d "$service" disable
    done
}
