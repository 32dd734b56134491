#!/bin/sh
# Run by scripts/matrix-run.sh: builds the release of httpd that Debian's source package is made of, without Debian's patches and
# layout, into /usr/local/apache2, as the image httpd:2.4 has it.
set -eu
work=/usr/src/httpd
rm -rf "$work"
mkdir -p "$work"
cd "$work"
apt-get install -q -y --no-install-recommends dpkg-dev file gcc libapr1-dev libaprutil1-dev libbrotli-dev libc6-dev \
    libcurl4-openssl-dev libjansson-dev liblua5.3-dev libnghttp2-dev libpcre2-dev libssl-dev libxml2-dev make zlib1g-dev
apt-get source -q --download-only apache2
mkdir tree
tar -x -f apache2_*.orig.tar.* -C tree --strip-components=1
cd tree
./configure --prefix=/usr/local/apache2 --enable-mods-shared=reallyall --enable-mpms-shared=all
make -s -j2
make -s install
