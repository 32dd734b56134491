#!/bin/sh
# Run by scripts/matrix-run.sh: builds the newest release of httpd of which Debian's archive has the source, without Debian's
# patches and layout, into /usr/local/apache2, as the image httpd:2.4 has it.
set -eu
work=/usr/src/httpd
rm -rf "$work"
mkdir -p "$work"
cd "$work"

# An archive can lack a source that it lists: any release of Debian will do.
archive=$(sed -n 's/^deb-src \([^ ]*\) [a-z]* main$/\1/p' /etc/apt/sources.list | head -n 1)
for release in bookworm trixie sid; do
    grep -q "^deb-src $archive $release main" /etc/apt/sources.list || echo "deb-src $archive $release main"
done > /etc/apt/sources.list.d/httpd.list
apt-get update -q
apt-get install -q -y --no-install-recommends dpkg-dev file gcc libapr1-dev libaprutil1-dev libbrotli-dev libc6-dev \
    libcurl4-openssl-dev libjansson-dev liblua5.3-dev libnghttp2-dev libpcre2-dev libssl-dev libxml2-dev make zlib1g-dev

for version in $(apt-cache showsrc apache2 | sed -n 's/^Version: //p' | sort -rVu); do
    rm -f ./*
    ! apt-get source -q --download-only "apache2=$version" || break
done
mkdir tree
tar -x -f apache2_*.orig.tar.*z -C tree --strip-components=1
cd tree
./configure --prefix=/usr/local/apache2 --enable-mods-shared=reallyall --enable-mpms-shared=all
make -s -j2
make -s install
