# Sourced by scripts/demo and scripts/test: installs Debian packages without letting any of them start a service.

# Is the package installed?
has_package() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need_packages NAME...: installs those that are missing.
need_packages() {
    missing=
    for package; do
        has_package "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Missing Debian packages; as root: apt-get install$missing" >&2
        return 1
    fi
    echo "Installing from Debian:$missing"
    # In a shell of its own, so that its traps do not replace the caller's.
    # shellcheck disable=SC2086 # a list of words
    (install_quietly $missing)
}

# While this file exists and says 101, no package starts a service. One that is there already is its owner's: it stays.
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
    # Nor at the next boot: these were not here before, and the tests run them on ports of their own.
    for package; do
        case $package in
        nginx*) service=nginx ;;
        fail2ban | prometheus) service=$package ;;
        *) continue ;;
        esac
        [ ! -x /usr/sbin/update-rc.d ] || update-rc.d "$service" disable
    done
}
