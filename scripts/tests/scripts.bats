# SPDX-License-Identifier: GPL-2.0
# Bad input and bad luck outside the virtual machines: each must be a clear error, a non-zero exit and nothing half-written.

load helpers

setup() {
    copy=$BATS_TEST_TMPDIR/repo
    copy_repo "$copy"
    mkdir "$copy/build"
}

teardown() {
    umount "$copy/build" 2>/dev/null || true
}

# What somebody can run: all but what runs in the virtual machines or from a package.
programs() {
    find "$copy/scripts" -type f -executable -not -name '*-init' -not -path '*/debian/*' -not -path '*/dkms/*'
}

# A tree without the files that git does not track: enough to apply patches to.
clone_tree() {
    git clone -q "$top/build/linux-$K" "$copy/build/linux-$K"
    cp "$top/build/linux-$K/.git/exit-stats-source" "$copy/build/linux-$K/.git/"
    # Not tracked, and it says how hunks are headed.
    cp "$top/build/linux-$K/.gitattributes" "$copy/build/linux-$K/.git/info/attributes"
    git -C "$copy/build/linux-$K" rev-parse HEAD >"$copy/build/linux-$K/.git/exit-stats-head"
}

@test "a kernel series without patches is refused" {
    run make -C "$copy" demo K=5.15
    [ "$status" -ne 0 ]
    says "there are no patches for Linux 5.15"
    [ -z "$(ls "$copy/build")" ]
}

@test "an unknown option of every script is refused with status 2" {
    for script in $(programs); do
        run "$script" --no-such-option
        [ "$status" -eq 2 ] || { echo "$script: status $status" && return 1; }
        says "unknown option --no-such-option"
    done
}

@test "every script has --help" {
    for script in $(programs); do
        run "$script" --help
        [ "$status" -eq 0 ] || { echo "$script: status $status" && return 1; }
        says "Usage: ${script#"$copy/"}"
    done
}

@test "exit-stats-reload has --help, and refuses an unknown option" {
    run "$copy/scripts/install/dkms/exit-stats-reload" --help
    [ "$status" -eq 0 ]
    says "Usage: exit-stats-reload"
    run "$copy/scripts/install/dkms/exit-stats-reload" --no-such-option
    [ "$status" -eq 2 ]
    says "unknown option --no-such-option"
}

@test "an unknown engine, vendor, job and timeout are refused" {
    for arguments in "-e xen" "-v via" "$K no-such-job" "-t soon"; do
        # shellcheck disable=SC2086 # they are several words
        run "$copy/scripts/vm/run-vm" $arguments
        [ "$status" -eq 2 ] || { echo "$arguments: status $status" && return 1; }
        says "run-vm:"
    done
}

@test "a package that cannot be installed is named" {
    run "$copy/scripts/install-packages" no-such-package-anywhere
    [ "$status" -eq 1 ]
    says "cannot install no-such-package-anywhere"
}

@test "no permission to install packages is a clear error" {
    [ "$EUID" -eq 0 ] || skip "needs root to become somebody else"
    chmod 755 "$BATS_TEST_TMPDIR" && chmod -R a+rX "$BATS_RUN_TMPDIR"
    run setpriv --reuid=65534 --regid=65534 --clear-groups env PATH=/usr/bin:/bin HOME=/ \
        bash -c 'command -v sudo >/dev/null && exit 99; exec "$0" no-such-package-anywhere' "$copy/scripts/install-packages"
    [ "$status" -ne 99 ] || skip "there is a sudo here, which could ask for a password"
    [ "$status" -eq 1 ]
    says "needs root to install no-such-package-anywhere"
}

@test "a patch that no longer applies leaves the tree at its base" {
    clone_tree
    patch=$copy/patches/$(grep -m 1 common "$copy/patches/series-$K")
    sed -i 's/^ \(.*vcpu->arch\)/ changed \1/' "$patch"
    run "$copy/scripts/series/prepare-tree" "$K"
    [ "$status" -eq 1 ]
    says "does not apply to Linux"
    [ "$(git -C "$copy/build/linux-$K" rev-parse HEAD)" = "$(git -C "$copy/build/linux-$K" rev-parse base)" ]
    [ -z "$(git -C "$copy/build/linux-$K" status --porcelain)" ]
}

@test "a patch that the series names and that is not there is an error" {
    clone_tree
    echo common/no-such.patch >>"$copy/patches/series-$K"
    run "$copy/scripts/series/prepare-tree" "$K"
    [ "$status" -eq 1 ]
    says "names common/no-such.patch, which does not exist"
}

@test "changes in the tree that were not exported are kept" {
    clone_tree
    echo >>"$copy/build/linux-$K/virt/kvm/kvm_main.c"
    run "$copy/scripts/series/prepare-tree" "$K"
    [ "$status" -eq 1 ]
    says "has changes that are not in patches/"
    [ -n "$(git -C "$copy/build/linux-$K" status --porcelain)" ]
}

@test "the series is applied and exported in a folder with spaces" {
    mv "$copy" "$BATS_TEST_TMPDIR/a repo"
    copy="$BATS_TEST_TMPDIR/a repo"
    clone_tree
    make -s -C "$copy" tree K="$K"
    git -C "$copy/build/linux-$K" diff --exit-code "$(git -C "$top/build/linux-$K" rev-parse HEAD)"
    make -s -C "$copy" export K="$K"
    diff -r "$top/patches" "$copy/patches"
}

@test "an option that does not survive the merge stops the build" {
    ln -s "$top/build/linux-$K" "$copy/build/linux-$K"
    echo CONFIG_NO_SUCH_OPTION=y >>"$copy/kernel-config/outer.config"
    # BLOCK is off, hence what depends on it is lost.
    echo CONFIG_EXT4_FS=y >>"$copy/kernel-config/outer.config"
    run "$copy/scripts/build-kernel" "$K" outer
    [ "$status" -eq 1 ]
    says "CONFIG_NO_SUCH_OPTION=y"
    says "CONFIG_EXT4_FS=y"
    says "is not what kernel-config/ asks for"
    [ ! -e "$copy/build/kernel/$K-outer/built" ]
    [ ! -e "$copy/build/kernel/$K-outer/vmlinux" ]
}

@test "too little space is noticed before the work begins" {
    [ "$EUID" -eq 0 ] || skip "needs root to mount a small file system"
    mount -t tmpfs -o size=16m tmpfs "$copy/build"
    run make -C "$copy" demo K="$K"
    [ "$status" -ne 0 ]
    says "GiB free"
    [ ! -e "$copy/build/linux-$K" ]
}

@test "a disk that fills up while the image is packed leaves no image" {
    [ "$EUID" -eq 0 ] || skip "needs root to mount a small file system"
    mount -t tmpfs -o size=40m tmpfs "$copy/build"
    ln -s "$top/build/kernel" "$top/build/linux-$K" "$copy/build/"
    mkdir -p "$copy/build/probe"
    cp "$top"/build/probe/{exitstat,built} "$copy/build/probe/"
    # All that is left to do is packing.
    "$top/scripts/build-image" "$K"
    run "$copy/scripts/build-image" "$K"
    [ "$status" -eq 1 ]
    says "The disk is full"
    says "cannot pack the boot image"
    [ ! -e "$copy/build/image/$K/initrd" ]
}

# As much of a Debian as it takes to say what "make" is asked for.
make_machine() { # COMMANDS
    local machine=$copy/build/debian-13
    [ "$EUID" -eq 0 ] || skip "needs root for chroot"
    git -C "$copy" init -q
    printf '#!/bin/sh\n' >"$copy/scripts/install-packages"
    mkdir -p "$machine"/{bin,usr/bin,etc,proc,sys,dev/pts,dev/shm}
    cp /bin/busybox "$machine/bin/"
    ln -s /bin/busybox "$machine/usr/bin/env"
    printf '#!/bin/busybox sh\nexec /bin/busybox sh "$@"\n' >"$machine/bin/bash"
    printf '#!/bin/busybox sh\n%s\n' "$1" >"$machine/bin/make"
    chmod +x "$machine"/bin/*
}

@test "what the demo and the tests come to on another Debian is told, a line for each" {
    make_machine '[ -x scripts/run-tests ] && [ -d .git ] && echo "make $*" && [ "$1" = check ]'
    run bash -c '"$0/scripts/machines/test-debian" 13 2>/dev/null' "$copy"
    [ "$status" -eq 1 ]
    [ "$output" = "not ok 1 Debian 13: make demo
# make demo
ok 2 Debian 13: make check
# make check
1..2" ]
    run "$copy/scripts/machines/test-debian" 11
    [ "$status" -eq 2 ]
}

@test "nothing that another Debian has mounted or begun is left when its test is ended" {
    make_machine 'busybox setsid busybox sleep 1001 & busybox sleep 1001'
    sort /proc/mounts >"$BATS_TEST_TMPDIR/mounts"
    "$copy/scripts/machines/test-debian" 13 3>&- &
    test=$!
    until pgrep -f "^busybox sleep 1001" >"$BATS_TEST_TMPDIR/pids"; do sleep 0.1; done
    kill "$test"
    wait "$test" || status=$?
    [ "$status" -eq 143 ]
    # The kernel takes them down, and may need a moment.
    for _ in {1..100}; do
        pgrep -f "^busybox sleep 1001" || break
        sleep 0.1
    done
    ! pgrep -f "^busybox sleep 1001" || false
    sort /proc/mounts | diff "$BATS_TEST_TMPDIR/mounts" -
    [ -z "$(ls "$copy/build/debian-13/proc")" ]
}
