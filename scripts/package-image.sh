# shellcheck shell=sh disable=SC2034,SC2154 # scripts/package-test sets dir and root; scripts/matrix-place.sh reads name
# Sourced by scripts/package-test: does the steps of packaging/docker/Dockerfile, each stage in a copy of a system that has httpd's
# release in /usr/local/apache2, as the image httpd:2.4 has it. scripts/package-image.py calls these functions.

# stage NAME BASE
stage() {
    [ "$2" = httpd:2.4 ] || { echo "no folder stands for the image $2" >&2; return 1; }
    root=$dir/image-$1
    rm -rf --one-file-system "$root"
    cp -a "$dir/upstream-httpd" "$root"
}

# As docker build does it: with the working directory and PATH of the image. A step that fails ends the build.
run() {
    in_place sh -c "PATH=/usr/local/apache2/bin:\$PATH; cd /usr/local/apache2 && $1"
}

# copy_in SOURCE TARGET: of what is committed.
copy_in() {
    if [ "$1" = . ]; then
        mkdir -p "$root$2"
        cp -a "$dir/image-context/." "$root$2"
    else
        cp -a "$dir/image-context/$1" "$root$2"
    fi
}

# copy_from STAGE SOURCE TARGET
copy_from() {
    cp -a "$dir/image-$1$2" "$root$3"
}

healthcheck() {
    echo "$1" > "$root/healthcheck"
}

# httpd's release, built once.
make_httpd() {
    name=upstream
    root=$dir/upstream-httpd
    [ -x "$root/usr/local/apache2/bin/httpd" ] && return
    [ -d "$root" ] || make_place || return 3
    cp scripts/matrix-httpd.sh "$root/httpd.sh"
    in_place sh /httpd.sh
}

build_image() {
    rm -rf "$dir/image-context"
    mkdir "$dir/image-context"
    git_here archive HEAD | tar -x -f - -C "$dir/image-context"
    python3 scripts/package-image.py packaging/docker/Dockerfile > "$dir/image-steps" || return 1
    while read -r step; do
        echo "step: $step"
        eval "$step" < /dev/null || return 1
    done < "$dir/image-steps"
}

# The image's ports are those of the whole machine: it gets a network of its own.
image() {
    make_httpd && build_image && cp -a "$dir/image-context" "$root/tree" &&
        in_place sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends curl iproute2 openssl &&
            unshare --net sh -c "ip link set lo up && cd /tree && sh scripts/package-image-story.sh; exit \$?"'
}
