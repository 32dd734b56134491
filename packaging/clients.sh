# shellcheck shell=sh disable=SC2154 # those that source it set dir and port
# Sourced by what tries a package: certificates for a guarded virtual host and its clients, and curl as each of these clients.
# They lie in the folder $dir. The virtual host is guarded.test, on port $port of 127.0.0.1.

# certificate NAME SUBJECT EXTENSION [CA]: NAME.pem and NAME.key, issued by CA or by itself.
certificate() {
    printf '%s\n' "$3" > "$dir/$1.ext"
    set -- "$1" "$2" "$(if [ $# = 4 ]; then echo "-CA $dir/$4.pem -CAkey $dir/$4.key -CAcreateserial"; else echo "-signkey $dir/$1.key"; fi)"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout "$dir/$1.key" -out "$dir/$1.csr" 2>/dev/null
    # shellcheck disable=SC2086 # words
    openssl x509 -req -in "$dir/$1.csr" -days 90 -extfile "$dir/$1.ext" -out "$dir/$1.pem" $3 2>/dev/null
}

make_certificates() {
    certificate server '/CN=guarded.test' 'subjectAltName=DNS:guarded.test'
    certificate zone-ca '/CN=CA of the zone' 'basicConstraints=critical,CA:TRUE'
    certificate edge '/CN=edge' 'basicConstraints=critical,CA:FALSE' zone-ca
    certificate foreign-ca '/CN=another CA' 'basicConstraints=critical,CA:TRUE'
    certificate foreign '/CN=foreign' 'basicConstraints=critical,CA:FALSE' foreign-ca
}

# tls_virtual_host LINE...: prints guarded.test with these directives.
tls_virtual_host() {
    cat <<CONF
<VirtualHost 127.0.0.1:$port>
    ServerName guarded.test
    DocumentRoot $dir/html
    <Directory $dir/html>
        Require all granted
    </Directory>
    SSLEngine on
    SSLCertificateFile $dir/server.pem
    SSLCertificateKeyFile $dir/server.key
$(printf '    %s\n' "$@")
</VirtualHost>
CONF
}

make_site() {
    chmod 755 "$dir"
    mkdir -p "$dir/html"
    echo 'Hello from the origin' > "$dir/html/index.html"
}

# answer CURL-ARGUMENT...: the status that the virtual host answers with; 000 if there is no answer. Its body is in $dir/body.
answer() {
    : > "$dir/body"
    curl -s -o "$dir/body" -w '%{http_code}' --cacert "$dir/server.pem" --resolve "guarded.test:$port:127.0.0.1" "$@" \
        "https://guarded.test:$port/index.html" || :
}

wrong=0
# expect WHAT EXPECTED FOUND
expect() {
    if [ "$2" = "$3" ]; then
        echo "ok: $1: $3"
    else
        echo "WRONG: $1: $3 instead of $2" >&2
        wrong=$((wrong + 1))
    fi
}

as_edge() {
    answer --cert "$dir/edge.pem" --key "$dir/edge.key"
}

# The three clients of a guarded virtual host. The edge is the control: it is let in.
expect_guard() {
    expect "$1: a stranger without a certificate" 400 "$(answer)"
    expect "$1: a stranger with a certificate of another CA" 400 "$(answer --cert "$dir/foreign.pem" --key "$dir/foreign.key")"
    expect "$1: the edge" 200 "$(as_edge)"
    expect "$1: what the edge gets" 'Hello from the origin' "$(cat "$dir/body")"
}

# wait_for_answer: until httpd has answered, whatever it says. It may still be starting.
wait_for_answer() {
    tries=100
    while [ "$(answer)" = 000 ] && [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
}
