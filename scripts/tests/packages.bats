# SPDX-License-Identifier: GPL-2.0
# What is installed where, and what is said where it cannot be. Nothing here installs anything: apt and dpkg are stubs.

load helpers

setup() {
    copy=$BATS_TEST_TMPDIR/repo
    stubs=$BATS_TEST_TMPDIR/stubs
    # What apt was asked for, a line for each time; a package that it knows is a file in "known", or in "fresh" if apt
    # learns of it by an update.
    export apt_log=$BATS_TEST_TMPDIR/asked known=$BATS_TEST_TMPDIR/known fresh=$BATS_TEST_TMPDIR/fresh
    mkdir -p "$copy" "$stubs" "$known" "$fresh"
    : >"$apt_log"
    # What runs this may have read the lists of packages.
    unset packages_refreshed
    cp -r "$top"/{Makefile,scripts,patches,kernel-config} "$copy/"
    stub dpkg-query 'exit 1'
    # Other names that have this one in them as well, as apt-cache does.
    stub apt-cache '
        for package in "$known/$2"*; do
            [ ! -e "$package" ] || printf "%s:\n  Installed: (none)\n  Candidate: 1.0\n" "$(basename "$package")"
        done'
    stub apt-get '
        echo "$@" >>"$apt_log"
        case "$*" in
            *Dir::State::lists=*) exec env PATH=/usr/bin:/bin apt-get "$@" ;;
            *update*) cp -r "$fresh/." "$known" ;;
            *indextargets*) cat "$known/mirror" 2>/dev/null ;;
        esac'
}

stub() { # NAME COMMANDS
    printf '#!/bin/sh\n%s\n' "$2" >"$stubs/$1"
    chmod +x "$stubs/$1"
}

installs_nothing() {
    ! grep install "$apt_log" || false
    [ -z "$(find "$copy/build" -name 'linux-*' 2>/dev/null)" ]
}

# on RELEASE COMMAND: COMMAND, with what lib.sh has, as if this were that release of Debian.
on() {
    PATH="$stubs:$PATH" bash -euc '
        source "$1/scripts/lib.sh"
        release=$2
        os_release() { if [[ $1 == ID ]]; then echo debian; else echo "$release"; fi; }
        eval "$3"' bash "$copy" "$@"
}

# as_another OS-RELEASE COMMAND...: COMMAND on a machine that says so of itself.
as_another() {
    [ "$EUID" -eq 0 ] || skip "needs root to mount another /etc/os-release"
    printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/os-release"
    PATH="$stubs:$PATH" unshare --mount bash -euc 'mount --bind "$1" /etc/os-release && shift && exec "$@"' \
        bash "$BATS_TEST_TMPDIR/os-release" "${@:2}"
}

list() { # SET
    "$copy/scripts/install-packages" --list "$@"
}

@test "the tree takes no compiler, exitstat no kernel's tools, and make check no emulator" {
    ! list tree | grep -E '^(g\+\+|gcc|bochs.*|qemu.*)$' || false
    ! list probe | grep -E '^(flex|bochs.*|qemu.*)$' || false
    ! list kernel | grep -E '^(g\+\+|bochs.*|qemu.*)$' || false
    ! list check | grep -E '^(flex|bochs.*|qemu.*)$' || false
    ! list demo check | grep -E '^(clang|dwarves|libbpf-dev)$' || false
    list bench | grep -x libbpf-dev
    list demo | grep -x bochs
    list demo | grep -x qemu-system-x86
}

@test "a set has all of those that it is made of, and a package stands for itself" {
    for part in tree kernel probe; do
        [ -z "$(comm -23 <(list "$part") <(list demo))" ]
    done
    [ "$(list)" = "$(list demo)" ]
    [ "$(list no-such-set)" = no-such-set ]
}

@test "what is installed for tests does not serve anything from then on" {
    stub systemctl 'echo "systemctl $*" >>"$apt_log"'
    install_check() { # COMMAND-BEFORE
        : >"$apt_log"
        as_another $'ID=debian\nVERSION_ID="12"' bash -euc "mount -t tmpfs tmpfs /run; $1; exec \$0 check" "$copy/scripts/install-packages"
        grep -q ' install .* prometheus ' "$apt_log"
    }
    install_check 'mkdir -p /run/systemd/system'
    [ "$(grep -c systemctl "$apt_log")" = 2 ]
    for package in prometheus prometheus-node-exporter; do
        grep -qx "systemctl --quiet disable --now $package.service" "$apt_log"
    done
    # Nor does it where nothing could.
    install_check :
    ! grep systemctl "$apt_log" || false
}

@test "every script asks for what it needs, and for the source with it" {
    printf '#!/bin/sh\necho "$@" >"$apt_log"\nexit 1\n' >"$copy/scripts/install-packages"
    while read -r wanted command; do
        : >"$apt_log"
        run bash -c "$copy/scripts/$command"
        [ "$status" -eq 1 ]
        [ "$(<"$apt_log")" = "$wanted linux-source-6.12" ] || { echo "$command: $(<"$apt_log")" && return 1; }
    done <<'TEXT'
tree series/prepare-tree 6.12
kernel build-kernel 6.12 outer
kernel build-selftests 6.12
kernel regression/build-kvm-selftests 6.12
modules install/build-modules 6.12
TEXT
}

@test "Debian's own kernel is that of the source's version, or there is none" {
    stub apt-cache '
        case "$1 $3" in
            "search ^linux-image-6.12"*) printf "linux-image-6.12.%s+deb12-cloud-amd64 - Linux\n" 1 2 3 ;;
            madison*) printf " linux-image-6.12.%s+deb12-cloud-amd64 | 6.12.%s-1 | http://mirror main\n" 1 1 2 2 2 2 3 3 ;;
        esac'
    stub dpkg-query 'echo "$version"'
    export version
    version=6.12.2-1
    [ "$(on 12 'stock_release 6.12')" = 6.12.2+deb12-cloud-amd64 ]
    version=6.12.9-1
    [ -z "$(on 12 '! stock_release 6.12')" ]
    [ -z "$(on 12 '! stock_release 7.3')" ]
}

@test "only Debian 12 and 13 will do" {
    while read -r expected contents; do
        printf %b "$contents" >"$BATS_TEST_TMPDIR/os-release"
        status=0
        bash -c 'source "$0/scripts/lib.sh"; require_debian "$1"' "$copy" "$BATS_TEST_TMPDIR/os-release" || status=$?
        [ "$status" -eq "$expected" ] || { echo "$contents: status $status" && return 1; }
    done <<'TEXT'
0 ID=debian\nVERSION_ID="12"\n
0 VERSION_ID="13"\nID=debian\n
1 ID=debian\nVERSION_ID="11"\n
1 ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n
1 ID=ubuntu\nID_LIKE=debian\nVERSION_ID="12"\n
1 NAME=Another\n
TEXT
}

@test "another distribution is refused in one sentence, with a container that will do" {
    for target in demo tree kernel; do
        run as_another $'ID=fedora\nVERSION_ID=43\nPRETTY_NAME="Fedora Linux 43"' make -s -C "$copy" "$target"
        [ "$status" -ne 0 ]
        says "this is for Debian 12 and 13, and not for Fedora Linux 43"
        says "podman run"
        [ "$(grep -c . <<<"${output%make*: \*\*\**}")" -eq 1 ]
        installs_nothing
        [ ! -s "$apt_log" ]
    done
}

@test "a source that is installed, or that apt knows, is there" {
    touch "$known/linux-source-6.12"
    run on 12 'source_available 6.12'
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ ! -s "$apt_log" ]
    rm "$known/linux-source-6.12"
    stub dpkg-query 'echo "linux-source-6.12 installed"'
    run on 12 'source_available 6.12'
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    [ ! -s "$apt_log" ]
}

@test "a machine that has no lists of packages yet gets them once" {
    touch "$fresh"/linux-source-6.12 "$fresh"/linux-source-6.99
    run on 13 'source_available 6.12 && source_available 6.99 && "$root/scripts/install-packages" tree linux-source-6.12'
    [ "$status" -eq 0 ]
    [ "$(grep -c update "$apt_log")" = 1 ]
    [ "$(grep -c install "$apt_log")" = 1 ]
    grep ' linux-source-6.12' "$apt_log"
}

@test "a source that is older than the release is not looked for" {
    touch "$known/linux-source-6.12"
    run on 13 'source_available 6.1'
    [ "$status" -eq 1 ]
    says "Debian 13 has no linux-source-6.1"
    says "debian:12 "
    says "make demo K=6.1"
    [ ! -s "$apt_log" ]
}

# An archive whose backports have linux-source-6.99, as the only mirror. Nobody has signed it.
archive() {
    mirror=$BATS_TEST_TMPDIR/mirror dist=$BATS_TEST_TMPDIR/mirror/dists/trixie-backports
    mkdir -p "$dist/main/binary-$(dpkg --print-architecture)" "$mirror/package/DEBIAN" "$mirror/package/usr/src" \
        "$mirror/linux/arch"
    echo "file:$mirror" >"$fresh/mirror"
    echo 'VERSION = 6' >"$mirror/linux/Makefile"
    tar -C "$mirror" -cJf "$mirror/package/usr/src/linux-source-6.99.tar.xz" linux
    printf '%s\n' 'Package: linux-source-6.99' 'Version: 6.99.1-1~bpo13+1' 'Architecture: all' 'Maintainer: nobody' \
        'Description: Linux' >"$mirror/package/DEBIAN/control"
    dpkg-deb -b "$mirror/package" "$mirror/linux.deb"
    cat "$mirror/package/DEBIAN/control" - >"$dist/main/binary-$(dpkg --print-architecture)/Packages" <<TEXT
Filename: linux.deb
Size: $(stat -c %s "$mirror/linux.deb")
SHA256: $(sha256sum "$mirror/linux.deb" | cut -d ' ' -f 1)
TEXT
    (cd "$dist" && printf '%s\n' 'Codename: trixie-backports' "Date: $(date -Ru)" 'SHA256:' &&
        find main -type f -exec sh -c 'echo "$(sha256sum "$1" | cut -d " " -f 1) $(stat -c %s "$1") $1"' sh {} \; |
        sed 's/^/ /') >"$mirror/Release"
    mv "$mirror/Release" "$dist/"
}

@test "what only newer backports have is fetched into build/, once, with lists of its own" {
    archive
    : >"$copy/patches/series-6.99"
    sed -i 's/signed-by=.keys/trusted=yes/' "$copy/scripts/packages.sh"
    lists=$(ls -l --full-time /var/lib/apt/lists)
    for release in 12 13; do
        rm -rf "$copy/build"
        run on "$release" 'source_available 6.99'
        [ "$status" -eq 0 ]
        [ -f "$copy/build/source/linux-source-6.99.deb" ]
        run on "$release" 'source_available 6.99 && "$root/scripts/install-packages" linux-source-6.99
            source_version 6.99'
        [ "$status" -eq 0 ]
        [ "$output" = '6.99.1-1~bpo13+1' ]
        run on "$release" 'eval "$(sed -n "/^archive()/,/^}/p" "$root/scripts/series/prepare-tree")"
            archive 6.99 | tar -tJ'
        says linux/Makefile
    done
    [ "$(grep -c download "$apt_log")" = 2 ]
    ! grep -E '^-q [^-]*install' "$apt_log" || false
    [ "$(ls -l --full-time /var/lib/apt/lists)" = "$lists" ]
}

@test "backports that nobody has signed are refused" {
    archive
    run on 13 'source_available 6.99'
    [ "$status" -eq 1 ]
    says "it cannot be had from trixie-backports: The repository 'file:$mirror trixie-backports Release' is not signed."
    [ ! -e "$copy/build/source/linux-source-6.99.deb" ]
}

@test "an archive that has moved on, or cannot be reached, is told" {
    archive
    sed -i 's/signed-by=.keys/trusted=yes/' "$copy/scripts/packages.sh"
    run on 13 'source_available 6.98'
    [ "$status" -eq 1 ]
    says "apt does not know linux-source-6.98, and it cannot be had from trixie-backports: Unable to locate package"
    rm -r "$mirror"
    run as_another $'ID=debian\nVERSION_ID="12"' "$copy/scripts/install-packages" linux-source-6.99
    [ "$status" -eq 1 ]
    says "it cannot be had from trixie-backports: "
    installs_nothing
}

@test "no lists at all is a matter of the network" {
    run on 12 'source_available 6.12'
    [ "$status" -eq 1 ]
    says "is there a network?"
}

@test "a series that the release does not have is refused when it is named" {
    run as_another $'ID=debian\nVERSION_ID="13"' make -s -C "$copy" tree K=6.1
    [ "$status" -ne 0 ]
    says "Debian 13 has no linux-source-6.1"
    installs_nothing
}

@test "a tree that belongs to somebody else is not taken for one that is up to date" {
    [ "$EUID" -eq 0 ] || skip "needs root to give files to somebody else"
    stub dpkg-query 'shift 3; for package; do echo "$package installed"; done'
    git init -q "$copy/build/linux-6.12"
    chown -R 65534 "$copy/build/linux-6.12"
    run env -u SUDO_UID PATH="$stubs:$PATH" "$copy/scripts/series/prepare-tree" 6.12
    [ "$status" -eq 1 ]
    says "dubious ownership"
    says "git does not take build/linux-6.12"
}

@test "Linux is not built in a folder with a space or a colon in its path" {
    for name in 'a repo' 'a:repo'; do
        cp -r "$copy" "$BATS_TEST_TMPDIR/$name"
        for command in "kernel" "selftests"; do
            run env PATH="$stubs:$PATH" make -s -C "$BATS_TEST_TMPDIR/$name" "$command"
            [ "$status" -ne 0 ]
            says "has a space or a colon: move \"$BATS_TEST_TMPDIR/$name\""
            [ ! -s "$apt_log" ]
            [ ! -e "$BATS_TEST_TMPDIR/$name/build" ]
        done
    done
}
