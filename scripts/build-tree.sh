# Sourced by scripts/check, scripts/demo and scripts/test: configures and builds the module in a directory of its own, from the top of the source tree.

# configure_tree DIR CONFIGURE-ARGUMENT...: afterwards make can run in DIR.
configure_tree() {
    build_dir=$1
    shift
    if [ -e config.status ]; then
        # make would mix the objects of the two builds
        echo "This tree holds a build of its own (./configure): run 'make distclean' here, then this again." >&2
        return 1
    fi
    [ -e configure ] || autoreconf -fi || return 1
    mkdir -p "$build_dir" || return 1
    (cd "$build_dir" && ../../configure --quiet "$@")
}

# build_tree DIR CONFIGURE-ARGUMENT...: afterwards the module is DIR/.libs/mod_cfaop.so.
build_tree() {
    configure_tree "$@" && make -C "$1" -s -j2
}
