# Sourced by scripts/demo and scripts/test: builds the module in a directory of its own, from the top of the source tree.

# build_tree DIR CONFIGURE-ARGUMENT...: afterwards the module is DIR/.libs/mod_cfaop.so.
build_tree() {
    build_dir=$1
    shift
    if [ -e config.status ]; then
        # make would mix the objects of the two builds
        echo "This tree holds a build of its own (./configure): run 'make distclean' here, then this again." >&2
        return 1
    fi
    [ -e configure ] || autoreconf -fi || return 1
    mkdir -p "$build_dir" || return 1
    (cd "$build_dir" && ../../configure --quiet "$@" && make -s -j2)
}
