#!/bin/sh
# Run by scripts/matrix inside the place, in /matrix/tree, a copy of what is committed: gets the httpd that the place is about,
# then runs scripts/demo and scripts/test. What came out is in /matrix/result, a line KEY=VALUE for each, and in logs beside it.
#
#   scripts/matrix-run.sh NAME [EXPRESSION]     EXPRESSION: only the integration tests that pytest selects by it
#
# Exit status: 0, there is a result, good or bad; 3, the place lacks what cannot be had here.
set -eu
name=$1
select=${2-}
own=/usr/local/apache2/bin
httpd=/usr/sbin/apache2

say() {
    printf '%s=%s\n' "$1" "$2" >> /matrix/result
}

# run KEY COMMAND...: KEY=ok or KEY=failed. What the command prints is in KEY.log, and its end is shown if it failed.
run() {
    key=$1
    shift
    echo "--- $*"
    if "$@" > "/matrix/$key.log" 2>&1; then
        say "$key" ok
    else
        say "$key" failed
        tail -n 40 "/matrix/$key.log"
    fi
}

# What has to be there and cannot be made by this script is named; the place then has no result.
need_own_httpd() {
    if [ ! -x "$own/httpd" ]; then
        echo "$name needs an httpd that was built in this place: install one in its /usr/local/apache2, then run this again" >&2
        exit 3
    fi
}

# The versions that the tests have met, as far as they are installed.
versions() {
    say httpd "$("$httpd" -v | sed -n 's,^Server version: Apache/\([0-9.a-z-]*\).*,\1,p')"
    say openssl "$(openssl version | cut -d ' ' -f 2)"
    say nginx "$(nginx -v 2>&1 | sed -n 's,.*nginx/\([0-9.]*\).*,\1,p')"
    say cryptography "$(/usr/bin/python3 -c 'import cryptography; print(cryptography.__version__)' || :)"
}

# From the last line of scripts/test, "N passed, N failed", and pytest's lines "left out: TEST (COUNT): REASON".
sums() {
    sum=$(grep -E '^[0-9]+ passed, [0-9]+ failed' /matrix/test.log | tail -n 1)
    say passed "$(echo "$sum" | sed -n 's/^\([0-9]*\) passed.*/\1/p')"
    say failed "$(echo "$sum" | sed -n 's/.* \([0-9]*\) failed.*/\1/p')"
    say skipped "$(awk '/^left out: [0-9]+ tests?$/ { n += $3 } END { print n + 0 }' /matrix/test.log)"
    sed -n 's,^left out: \(tests/integration/\)*\(.* ([0-9]*): .*\),left_out=\2,p' /matrix/test.log >> /matrix/result
}

# unit_sums SUFFIX: the sums of the unit tests, and the versions of the packages that they were built with, whose names have this
# suffix.
unit_sums() {
    say passed "$(awk '/^[0-9]+%: Checks: /{ gsub(/[^0-9 ]/, ""); n += $2 - $3 - $4 } END { print n + 0 }' /matrix/test.log)"
    say failed "$(awk '/^[0-9]+%: Checks: /{ gsub(/[^0-9 ]/, ""); n += $3 + $4 } END { print n + 0 }' /matrix/test.log)"
    say httpd "$(dpkg-query -W -f '${Version}' "apache2-dev$1" | sed 's/-.*//')"
    say openssl "$(dpkg-query -W -f '${Version}' "libssl-dev$1" | sed 's/-.*//')"
}

demo_and_suite() {
    set -- scripts/test --plain
    if [ -x "$own/httpd" ]; then
        httpd=$own/httpd
        PATH=$own:$PATH # configure and the demo ask the first apxs
        set -- "$@" --httpd "$httpd"
    fi
    [ -z "$select" ] || set -- "$@" -k "$select"
    run demo scripts/demo --once
    run test "$@"
    sums
    versions
}

cd /matrix/tree
case $name in
arm64) . scripts/matrix-cross.sh ;;
experimental) . scripts/matrix-experimental.sh ;;
upstream)
    [ -x "$own/httpd" ] || sh scripts/matrix-httpd.sh > /matrix/httpd.log 2>&1 || { tail -n 40 /matrix/httpd.log >&2; exit 3; }
    demo_and_suite
    ;;
oldest | trunk)
    need_own_httpd
    demo_and_suite
    ;;
*) demo_and_suite ;;
esac
