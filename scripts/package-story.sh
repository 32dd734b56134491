#!/bin/sh
# Run by scripts/package-test inside a fresh Debian, as root: installs libapache2-mod-cfaop, uses it, upgrades it, removes it
# while virtual hosts use it, and purges it. It changes the machine's httpd: for a machine that is thrown away.
#
#   scripts/package-story.sh FOLDER     exit status 0: all was as it should be
#
# The folder is an absolute path, with the package and the same one with a higher version, newer.deb.
set -eu
deb=$(ls "$1"/libapache2-mod-cfaop_*.deb)
newer=$1/newer.deb
package=libapache2-mod-cfaop
port=18443
dir=/srv/guarded
. packaging/clients.sh
log=$dir/command.log

apt_get() {
    apt-get -q -y -o Dpkg::Use-Pty=0 "$@"
}

chapter() {
    echo "--- $*"
}

# try COMMAND...: prints ok or failed; what the command said is in $log.
try() {
    # shellcheck disable=SC2015 # echo does not fail
    "$@" > "$log" 2>&1 && echo ok || echo failed
}

# said TEXT: is it in what the last command of "try" said?
said() {
    if grep -qF -- "$1" "$log"; then
        echo said
    else
        cat "$log" >&2
        echo 'not said'
    fi
}

is_enabled() {
    a2query -q -m "$1" && echo enabled || echo disabled
}

state() {
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || echo unknown
}

site() {
    if [ "${1-}" = in-ifmodule ]; then
        tls_virtual_host '<IfModule mod_cfaop.c>' 'CFOriginPull On' "CFOriginPullCACertificateFile $dir/zone-ca.pem" '</IfModule>'
    else
        tls_virtual_host "$@"
    fi > /etc/apache2/sites-available/guarded.conf
}

guarded_site() {
    site 'CFOriginPull On' "CFOriginPullCACertificateFile $dir/zone-ca.pem"
}

# The module that the running httpd has mapped: the installed file, or one that was replaced or deleted since.
mapped_module() {
    if grep mod_cfaop.so "/proc/$(cat /run/apache2/apache2.pid)/maps" | grep -q deleted; then
        echo replaced
    else
        echo installed
    fi
}

# Stops httpd by a signal: "apache2ctl stop" does nothing where the configuration has an error.
httpd_restart() {
    pid=$(cat /run/apache2/apache2.pid 2>/dev/null || :)
    [ -z "$pid" ] || kill "$pid" || :
    tries=100
    while [ -n "$pid" ] && [ -e "/proc/$pid" ] && [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
    outcome=$(try apache2ctl start)
    [ "$outcome" = failed ] || wait_for_answer
    echo "$outcome"
}

chapter 'install, where there is no httpd yet'
mkdir -p "$dir"
expect 'apt install' ok "$(try apt_get install "$deb")"
expect 'module ssl' enabled "$(is_enabled ssl)"
expect 'module cfaop' enabled "$(is_enabled cfaop)"
expect 'the configuration' ok "$(try apache2ctl -t)"
expect 'links that lead nowhere' '' "$(find "/usr/share/doc/$package" -xtype l)"
for page in README.md LICENSE docs/install.md docs/images/server-status.png conf/cfaop.conf conf/examples/basic.conf; do
    expect "the document $page" there "$(test -s "/usr/share/doc/$package/$page" && echo there || echo missing)"
done

chapter 'use'
expect 'apt install of the tools' ok "$(try apt_get install curl openssl procps)"
make_certificates
make_site
# It runs an httpd of its own.
expect 'the autopkgtest' ok "$(CFAOP_TEST_PORT=18445 try sh debian/tests/guard)"
echo "Listen 127.0.0.1:$port" > /etc/apache2/ports.conf
echo 'ServerName localhost' > /etc/apache2/conf-available/name.conf
rm -f /etc/apache2/sites-enabled/*
guarded_site
a2enconf -q name
a2ensite -q guarded
expect 'httpd starts' ok "$(httpd_restart)"
expect_guard 'installed'

chapter 'upgrade'
# From here on packages may restart the httpd that runs here.
printf '#!/bin/sh\nexit 0\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
before=$(cat /run/apache2/apache2.pid)
expect 'apt install of the newer package' ok "$(try apt_get install "$newer")"
expect 'its version' "$(dpkg-deb -f "$newer" Version)" "$(dpkg-query -W -f '${Version}' "$package")"
expect 'module cfaop' enabled "$(is_enabled cfaop)"
wait_for_answer
expect 'httpd was restarted' yes "$([ "$before" = "$(cat /run/apache2/apache2.pid)" ] && echo no || echo yes)"
expect "httpd's module" installed "$(mapped_module)"
expect_guard 'upgraded'

chapter 'removal is refused, where httpd would serve the site to all clients'
site in-ifmodule
expect 'httpd reloads' ok "$(try apache2ctl graceful)"
expect_guard 'in <IfModule>'
expect 'apt remove' failed "$(try apt_get remove "$package")"
expect 'the reason' said "$(said 'httpd would not miss it')"
expect 'the virtual host' said "$(said "guarded.test:$port")"
expect 'the package' installed "$(state)"
expect 'module cfaop' enabled "$(is_enabled cfaop)"
expect 'httpd starts' ok "$(httpd_restart)"
expect_guard 'still there'

chapter 'removal is refused, where cfaop.conf has the directives'
site
cp /etc/apache2/mods-available/cfaop.conf "$dir/cfaop.conf"
printf '%s\n' 'CFOriginPull On' "CFOriginPullCACertificateFile $dir/zone-ca.pem" >> /etc/apache2/mods-available/cfaop.conf
expect 'httpd starts' ok "$(httpd_restart)"
expect_guard 'by cfaop.conf'
expect 'apt remove' failed "$(try apt_get remove "$package")"
expect 'the reason' said "$(said 'httpd would not miss it')"
expect 'the package' installed "$(state)"
cp "$dir/cfaop.conf" /etc/apache2/mods-available/cfaop.conf

chapter 'removal, while a virtual host names the directives'
guarded_site
expect 'httpd starts' ok "$(httpd_restart)"
expect 'apt remove' ok "$(try apt_get remove "$package")"
expect 'the virtual host' said "$(said "guarded.test:$port")"
expect 'what follows' said "$(said 'httpd will not start again until their directives are gone')"
expect 'the package' config-files "$(state)"
expect 'module cfaop' disabled "$(is_enabled cfaop)"
expect_guard 'the httpd that still runs'
expect 'httpd starts' failed "$(httpd_restart)"
expect 'its reason' said "$(said "Invalid command 'CFOriginPull'")"
expect 'what a stranger gets' 000 "$(answer)"
expect 'what the edge gets' 000 "$(as_edge)"

chapter 'installed again'
expect 'apt install' ok "$(try apt_get install "$newer")"
expect 'module cfaop' enabled "$(is_enabled cfaop)"
expect 'httpd starts' ok "$(httpd_restart)"
expect_guard 'installed again'

chapter 'removal, where no virtual host uses it'
site 'CFOriginPull Off'
expect 'httpd reloads' ok "$(try apache2ctl graceful)"
site
before=$(cat /run/apache2/apache2.pid)
expect 'apt remove' ok "$(try apt_get remove "$package")"
wait_for_answer
expect 'httpd was restarted' yes "$([ "$before" = "$(cat /run/apache2/apache2.pid)" ] && echo no || echo yes)"
expect 'the control: without the guard a stranger gets the page' 200 "$(answer)"

chapter 'purge'
expect 'apt purge' ok "$(try apt_get purge "$package")"
expect 'the package' unknown "$(state | sed 's/not-installed/unknown/')"
expect 'what is left' '' "$(find /etc/apache2 /usr/lib/apache2 /usr/share/mod_cfaop "/usr/share/doc/$package" /var/lib/apache2 \
    -iname '*cfaop*' 2>/dev/null)"
expect 'httpd starts' ok "$(httpd_restart)"
kill "$(cat /run/apache2/apache2.pid)"

if [ "$wrong" != 0 ]; then
    echo "$wrong wrong" >&2
    exit 1
fi
