# shellcheck shell=sh
# Sourced by scripts/matrix-run.sh: builds the module for arm64 and runs the unit tests and the replays in qemu's emulation of
# that processor. No httpd runs there.
{
    dpkg --add-architecture arm64
    apt-get update -q
    apt-get install -q -y --no-install-recommends autoconf automake gcc-aarch64-linux-gnu libtool make qemu-user \
        apache2-bin:arm64 apache2-dev:arm64 apache2-ssl-dev:arm64 check:arm64 libc6-dev:arm64 libssl-dev:arm64
} > /matrix/packages.log 2>&1 || { tail -n 40 /matrix/packages.log >&2; exit 3; }

build_for_arm64() {
    autoreconf -fi && ./configure --quiet --host=aarch64-linux-gnu --enable-werror && make -s -j2
}

# The lints have no part in it: they read, and have read on this machine.
unit_tests_in_qemu() {
    status=0
    make -s -j2 check PYTEST=true LOG_COMPILER=qemu-aarch64 || status=$?
    cat tests/unit/*.log tests/fuzz/*.log
    return "$status"
}

run build build_for_arm64
run test unit_tests_in_qemu
unit_sums :arm64
