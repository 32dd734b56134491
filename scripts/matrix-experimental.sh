# shellcheck shell=sh
# Sourced by scripts/matrix-run.sh: builds the module with the OpenSSL of Debian's experimental, and runs the unit tests and the
# replays with it. No httpd runs there: Debian's is linked with the OpenSSL of sid, and one process cannot have both.
{
    apt-get install -q -y --no-install-recommends apache2-bin apache2-dev apache2-ssl-dev autoconf automake check gcc libc6-dev \
        libtool make pkg-config
    apt-get install -q -y --no-install-recommends -t experimental libssl-dev openssl
} > /matrix/packages.log 2>&1 || { tail -n 40 /matrix/packages.log >&2; exit 3; }

build_for_experimental() {
    autoreconf -fi && ./configure --quiet --enable-werror && make -s -j2
}

# The lints have no part in it: they read, and have read on this machine.
unit_tests_in_experimental() {
    status=0
    make -s -j2 check PYTEST=true || status=$?
    cat tests/unit/*.log tests/fuzz/*.log
    return "$status"
}

run build build_for_experimental
run test unit_tests_in_experimental
unit_sums ''
