#!/bin/sh
# Run by scripts/package-test inside a Debian, as root: looks at what the RPM holds, and lets Debian's httpd load the module of it.
#
#   scripts/package-rpm-story.sh     exit status 0: all was as it should be
set -eu
rpm=$(ls "$PWD"/build/packages/mod_cfaop-[0-9]*.rpm)
port=18444
dir=$(mktemp -d)
pid=
. packaging/clients.sh

# shellcheck disable=SC2317 # called by the trap
clean_up() {
    [ -z "$pid" ] || kill "$pid" || :
    [ -z "$pid" ] || wait "$pid" || :
    rm -rf "$dir"
}
trap clean_up EXIT

# has WORD COMMAND...: does the command print it?
has() {
    word=$1
    shift
    "$@" 2>/dev/null | grep -qE -- "$word" && echo yes || echo no
}

apt-get install -q -y --no-install-recommends binutils cpio curl openssl rpm2cpio
mkdir "$dir/root"
(cd "$dir/root" && rpm2cpio "$rpm" | cpio -idm --quiet)
module=$dir/root/usr/lib64/httpd/modules/mod_cfaop.so

expect 'the module is in lib64' yes "$([ -s "$module" ] && echo yes || echo no)"
for need in 'httpd-mmn = [0-9]' mod_ssl 'httpd >= 2.4.48'; do
    expect "it needs $need" yes "$(has "^$need" rpm -qp --requires "$rpm")"
done
expect 'its LoadModule' 'LoadModule cfaop_module modules/mod_cfaop.so' "$(cat "$dir/root/etc/httpd/conf.modules.d/10-cfaop.conf")"
expect 'that line is configuration' yes "$(has 10-cfaop.conf rpm -qp --configfiles "$rpm")"
expect 'links that lead nowhere' '' "$(find "$dir/root/usr/share/doc" -xtype l)"
expect 'all symbols are bound at the start' yes "$(has BIND_NOW readelf -d "$module")"
expect 'exported symbols' cfaop_module "$(nm -D --defined-only "$module" | awk '{ print $3 }')"

make_certificates
make_site
{
    for name in authz_core authz_host mpm_event dir ssl; do
        echo "LoadModule ${name}_module /usr/lib/apache2/modules/mod_$name.so"
    done
    printf '%s\n' "LoadModule cfaop_module $module" "ServerRoot $dir" 'ServerName localhost' 'PidFile httpd.pid' \
        'DefaultRuntimeDir .' 'ErrorLog error.log' 'User www-data' 'Group www-data' "Listen 127.0.0.1:$port"
    tls_virtual_host 'CFOriginPull On' "CFOriginPullCACertificateFile $dir/zone-ca.pem"
} > "$dir/httpd.conf"
/usr/sbin/apache2 -d "$dir" -f httpd.conf -DFOREGROUND &
pid=$!
wait_for_answer
expect_guard "the RPM's module in Debian's httpd"
[ "$wrong" = 0 ] || cat "$dir/error.log"
exit "$((wrong > 0))"
