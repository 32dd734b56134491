# shellcheck shell=sh disable=SC2016,SC2154 # apt expands what stands in single quotes; scripts/matrix sets root and name
# Sourced by scripts/matrix: makes a Debian system in a folder, and runs commands in it. $name is the name of the place, $root
# its folder.

# The release of Debian that the place $name is made of; empty if there is no such place.
release() {
    case $name in
    debian11 | oldest) echo bullseye ;;
    debian12 | i386 | arm64) echo bookworm ;;
    debian13 | upstream | trunk) echo trixie ;;
    sid | experimental) echo sid ;;
    esac
}

# The archive that this machine's apt takes Debian from, or with "-security" its updates; empty if apt has none.
archive() {
    apt-get indextargets --format '$(SITE)' 'Identifier: Packages' | grep -E "/debian$1/?\$" | head -n 1
}

# The folder gets its name when it is complete, so that one whose making was interrupted is made anew.
make_place() {
    arch=amd64
    [ "$name" != i386 ] || arch=i386
    main=$(archive '')
    [ -n "$main" ] || { echo "apt knows no archive of Debian: apt-get indextargets" >&2; return 1; }
    rm -rf --one-file-system "$root.part"
    debootstrap --variant=minbase --arch="$arch" "$(release)" "$root.part" "$main" || return 1
    sources > "$root.part/etc/apt/sources.list" || return 1
    # An archive whose dates are old is accepted where this machine's apt accepts it.
    apt-config dump | grep -E '^Acquire::Check-(Valid-Until|Date) ' > "$root.part/etc/apt/apt.conf.d/90matrix" || :
    printf '127.0.0.1 localhost\n::1 localhost\n' > "$root.part/etc/hosts"
    # No package starts a service.
    printf '#!/bin/sh\nexit 101\n' > "$root.part/usr/sbin/policy-rc.d"
    chmod 755 "$root.part/usr/sbin/policy-rc.d"
    mv "$root.part" "$root"
}

# Lines for sources.list. Debian 11 has no updates any more, sid never had any.
sources() {
    updates=$(archive -security)
    case $(release) in
    bullseye | sid) updates= ;;
    esac
    for type in deb deb-src; do
        echo "$type $main $(release) main"
        [ -z "$updates" ] || echo "$type $updates $(release)-security main"
    done
    # apt takes a package from there only where it is told to
    [ "$name" != experimental ] || echo "deb $main experimental main"
}

# in_place COMMAND...: as root in the folder, with mounts and processes of its own, which all end with the command. It is the
# first process there: a shell that waits for others, so that processes which lose their parent do not stay as zombies. It
# takes no heed of Ctrl-C: leave_place ends it.
in_place() {
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    unshare --mount --pid --fork --kill-child sh -eu -c '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/dev/shm"
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"' matrix "$root" "$@" &
    place_pid=$!
    status=0
    wait "$place_pid" || status=$?
    place_pid=
    return "$status"
}

place_pid=
leave_place() {
    [ -z "$place_pid" ] || kill -KILL "$place_pid"
}

# The tree can belong to another user than root, which git has to be told.
git_here() {
    git -c safe.directory="$PWD" "$@"
}

# Brings the place up to date and puts a copy of what is committed into it. An earlier run may have ended amid an installation.
# A list of packages that cannot be had is none to wait for: the table names the versions.
prepare_place() {
    in_place sh -eu -c 'dpkg --configure -a; apt-get update -q || :; apt-get upgrade -q -y' || return 1
    rm -rf --one-file-system "$root/matrix"
    mkdir -p "$root/matrix/tree" || return 1
    git_here archive HEAD | tar -x -f - -C "$root/matrix/tree"
}
