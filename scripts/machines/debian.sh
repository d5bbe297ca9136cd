# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# A Debian of its own, in the folder "machine". Sourced after lib.sh.

make_machine() { # CODENAME
    rm -rf "$machine.new"
    # How this machine gets at packages: proxies and the like.
    apt-config dump --no-empty --format '%F "%V";%n' |
        grep -E '^Acquire::(https?|Check-|Force|Retries)' >"$results/apt.conf" || true
    mmdebstrap --variant=minbase --include=git,make --aptopt="$results/apt.conf" "$1" "$machine.new"
    mv "$machine.new" "$machine"
}

# What is here, and how this machine finds others by their names. What was built there stays.
update_checkout() { # FOLDER
    mkdir -p "$1"
    find "$1" -mindepth 1 -maxdepth 1 -not -name build -exec rm -rf {} +
    copy_checkout "$1"
    git -C "$1" init -q -b main
    cp -L /etc/resolv.conf /etc/hosts "$machine/etc/"
}

# Processes and mounts in there are of their own, and end with what has begun them. Its first process is a shell, which
# takes care of those whose parents have ended.
in_machine() { # COMMAND
    local variable environment=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
    for variable in TERM http_proxy https_proxy no_proxy; do
        [[ ! ${!variable-} ]] || environment+=("$variable=${!variable}")
    done
    # shellcheck disable=SC2016 # they are the inner shells'
    unshare --mount --pid --fork --kill-child bash -euc '
        machine=$1
        shift
        # A root that is a mount, as it is elsewhere: there are tests that mount something.
        mount --bind "$machine" "$machine"
        mount -t proc proc "$machine/proc"
        mount -t sysfs -o ro sysfs "$machine/sys"
        mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$machine/dev/pts"
        mount -t tmpfs tmpfs "$machine/dev/shm"
        exec chroot "$machine" env -i "$@"
    ' bash "$machine" "${environment[@]}" bash -c "cd /srv/exitstat && $1; exit"
}

# The machine with Debian RELEASE, which is made where it is not there. Needs root.
ensure_machine() { # RELEASE
    local codename
    read -r codename _ < <(debian_release "$1") ||
        usage_error "there is no Debian \"$1\" to test; it is 12 or 13"
    machine=$build/debian-$1
    ((EUID == 0)) || die "needs root, to make a Debian in $(relative "$machine") and to run in it"
    "$root/scripts/install-packages" machines
    [[ ! -d $machine ]] || return 0
    require_space 10
    step "Making a Debian $1" "$results/debian-$1.log" \
        "cannot make a Debian $1; all of the output is in $(relative "$results/debian-$1.log")" \
        make_machine "$codename"
}
