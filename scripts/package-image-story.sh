#!/bin/sh
# Run by scripts/package-test in the folder that stands for the image, as root: starts httpd as the image does, with a certificate
# where the image wants it, and asks it.
#
#   scripts/package-image-story.sh     exit status 0: all was as it should be
set -eu
port=443
dir=/srv/guarded
server=/usr/local/apache2
pid=
. packaging/clients.sh

start() {
    "$server/bin/httpd" -DFOREGROUND &
    pid=$!
    wait_for_answer
}

stop() {
    [ -z "$pid" ] || kill "$pid" || :
    [ -z "$pid" ] || wait "$pid" || :
    pid=
}
trap stop EXIT

health() {
    sh -c "$(cat /healthcheck)" > /dev/null 2>&1 && echo healthy || echo unhealthy
}

is_open() {
    curl -s -o "$dir/body" --max-time 5 "http://127.0.0.1:$1/" && echo open || echo closed
}

mkdir -p "$dir"
make_certificates
cp "$dir/server.pem" "$server/conf/server.crt"
cp "$dir/server.key" "$server/conf/server.key"
echo 'Hello from the origin' > "$server/htdocs/index.html"

echo '--- as the image is'
expect 'before httpd runs' unhealthy "$(health)"
start
expect 'a stranger without a certificate' 400 "$(answer)"
expect 'a stranger with a certificate of another CA' 400 "$(answer --cert "$dir/foreign.pem" --key "$dir/foreign.key")"
expect "a certificate that is not Cloudflare's" 400 "$(as_edge)"
expect 'health' healthy "$(health)"
expect 'port 80' closed "$(is_open 80)"
expect 'the control: the port of the health check' open "$(is_open 8081)"
stop

echo '--- with a CA of the zone'
sed "s|CFOriginPull On|&\n    CFOriginPullCACertificateFile $dir/zone-ca.pem|" "$server/conf/extra/httpd-ssl.conf" > "$dir/httpd-ssl.conf"
cp "$dir/httpd-ssl.conf" "$server/conf/extra/httpd-ssl.conf"
start
expect_guard 'with a CA of the zone'
stop

echo '--- without the module'
sed -i '/cfaop_module/d' "$server/conf/httpd.conf"
expect 'httpd starts' no "$("$server/bin/httpd" -t > "$dir/body" 2>&1 && echo yes || echo no)"
expect 'its reason' 1 "$(grep -c "Invalid command 'CFOriginPull'" "$dir/body")"
sed -i '/CFOriginPull/d' "$server/conf/extra/httpd-ssl.conf"
start
expect 'health, where httpd answers without the guard' unhealthy "$(health)"

exit "$((wrong > 0))"
