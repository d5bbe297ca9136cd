# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the scripts share. Sourcing it has no side effects beyond setting variables.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
# shellcheck disable=SC2034 # for the scripts that source this
results=$build/results
# shellcheck disable=SC2034 # likewise
default_series=6.12
export LC_ALL=C

# shellcheck source=scripts/packages.sh
source "$root/scripts/packages.sh"

# The exit statuses of every script here.
export exit_failed=1 exit_usage=2 exit_skipped=4

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "$exit_failed"
}

usage_error() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    printf 'Try "%s --help".\n' "${0##*/}" >&2
    exit "$exit_usage"
}

note() {
    printf '%s\n' "$*" >&2
}

# parse_options SPEC... -- ARGUMENT...: sets the caller's variables to what its options say. A SPEC is
#
#   -q,--quick:quick     quick=yes
#   -e,--engine=engine   engine is the option's value
#   --initrd+=initrds    the value becomes one more element of the array initrds
#
# What is no option is in the array "operands". --help shows the script's usage().
parse_options() {
    local specs=() spec='' given value
    while [[ $1 != -- ]]; do
        specs+=("$1")
        shift
    done
    shift
    operands=()
    while (($#)); do
        given=$1
        shift
        case $given in
            --help | -h) usage && exit ;;
            --) operands+=("$@") && break ;;
            --*=*)
                set -- "${given#*=}" "$@"
                given=${given%%=*}
                # An option that takes none leaves the value, and is then told so.
                value=attached
                ;;
            -?*) value='' ;;
            *) operands+=("$given") && continue ;;
        esac
        spec=''
        for spec in "${specs[@]}"; do
            [[ ,${spec%%[:+=]*}, == *",$given,"* ]] && break
            spec=''
        done
        [[ $spec ]] || usage_error "unknown option $given"
        if [[ $spec == *:* ]]; then
            [[ ! $value ]] || usage_error "$given takes no value"
            printf -v "${spec##*:}" yes
            continue
        fi
        (($#)) || usage_error "$given needs a value"
        if [[ $spec == *+=* ]]; then
            local -n option_values=${spec##*=}
            option_values+=("$1")
            unset -n option_values
        else
            printf -v "${spec##*=}" %s "$1"
        fi
        shift
    done
}

# start_group COMMAND...: begins COMMAND, which may be a function and is ended by its first failure, in the background and
# in a process group of its own, whose number is then in "group". However the script ends, so do all of its groups, with
# all that they have started.
groups=()
start_group() {
    if ((${#groups[@]} == 0)); then
        trap end_groups EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
    fi
    set -m
    group_main "$@" </dev/null &
    group=$!
    set +m
    groups+=("$group")
}

# In the group. What it starts itself is its own to end.
group_main() { # COMMAND...
    set -e
    groups=()
    "$@"
}

# The status of a group, when it has ended.
wait_group() { # GROUP
    local status=0
    wait "$1" || status=$?
    forget_group "$1"
    return "$status"
}

# There is nothing left of it that the script's end must end.
forget_group() { # GROUP
    local member still_running=()
    for member in "${groups[@]}"; do
        [[ $member == "$1" ]] || still_running+=("$member")
    done
    groups=("${still_running[@]}")
}

end_groups() {
    local member
    for member in "${groups[@]}"; do
        kill -TERM -- "-$member" 2>/dev/null || true
    done
    wait
}

# The kernel series that the repo has patches for, newest last.
kernel_series() {
    local file
    for file in "$root"/patches/series-*; do
        printf '%s\n' "${file##*/series-}"
    done | sort -V
}

require_series() {
    [[ -f $root/patches/series-$1 ]] ||
        die "there are no patches for Linux $1; the kernel series here: $(kernel_series | paste -sd ' ')"
}

# Linux builds in no other folder.
require_plain_path() {
    [[ $root != *[[:space:]:]* ]] ||
        die "Linux cannot be built where the path has a space or a colon: move \"$root\", or clone it elsewhere"
}

# The patches for Linux K in order, as paths.
series_patches() { # K
    local name
    while read -r name; do
        [[ -z $name || $name == \#* ]] && continue
        [[ -f $root/patches/$name ]] || die "patches/series-$1 names $name, which does not exist"
        printf '%s\n' "$root/patches/$name"
    done <"$root/patches/series-$1"
}

# Of these, in one, what KVM's modules are built from.
module_patches() { # K
    local patches
    mapfile -t patches < <(series_patches "$1")
    cat "${patches[@]}" | filterdiff --strip-match=1 -x 'Documentation/*'
}

# What a tree with the patches applied is made from.
series_hash() { # K
    local patches
    mapfile -t patches < <(series_patches "$1")
    hash_of "$(source_version "$1")" "${patches[@]}"
}

# A copy of a git tree to build from, as it is at REVISION, or as it stands where that is not given. Files are links to those
# of TREE, so nothing may write to them; git does not, it replaces them.
copy_tree() { # TREE COPY [REVISION]
    rm -rf "$2"
    mkdir -p "$(dirname "$2")"
    cp -al "$1" "$2"
    rm -rf "$2/.git"
    cp -a "$1/.git" "$2/.git"
    [[ ! ${3-} ]] || git -C "$2" reset -q --hard "$3"
}

# What KVM's selftests in TREE call x86, in folders as in variables.
selftests_arch() { # TREE
    if [[ -d $1/tools/testing/selftests/kvm/x86 ]]; then echo x86; else echo x86_64; fi
}

# Lays ours over them.
add_selftests() { # TREE
    local kvm=$1/tools/testing/selftests/kvm arch
    arch=$(selftests_arch "$1")
    cp --remove-destination "$root"/selftests/kvm/x86_64/* "$kvm/$arch/"
    cp --remove-destination "$root"/selftests/kvm/include/x86_64/* "$kvm/include/$arch/"
}

# checkpatch.pl of TREE, asked for all it has. MAINTAINERS has KVM for x86 by folder, and nobody signs off what is not sent.
# The selftests have a macro that is a list of arguments, for printf(), and one that returns, as a skip does.
checkpatch() { # TREE kernel|selftests ARGUMENT...
    local ignored=FILE_PATH_CHANGES,MISSING_SIGN_OFF,MACRO_ARG_REUSE
    [[ $2 != selftests ]] || ignored+=,COMPLEX_MACRO,MACRO_WITH_FLOW_CONTROL
    (cd "$1" && perl scripts/checkpatch.pl --strict --no-tree --quiet --terse --show-types --ignore "$ignored" "${@:3}")
}

# Kernel make with what a rebuild elsewhere needs to come to the same result, and with ccache where there is one.
kernel_make() { # TREE OUT ARGUMENT...
    local make=(make -C "$1" O="$2" "-j$(nproc)" KBUILD_BUILD_USER=exitstat KBUILD_BUILD_HOST=localhost)
    shift 2
    if command -v ccache >/dev/null; then
        export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
        make+=(CC="ccache gcc")
    fi
    "${make[@]}" "$@"
}

# Copies PROGRAMs into FOLDER/usr/bin, with the libraries that they load.
copy_programs() { # FOLDER PROGRAM...
    local folder=$1 program
    mkdir -p "$folder/usr/bin"
    for program in "${@:2}"; do
        program=$(command -v "$program")
        cp -L "$program" "$folder/usr/bin/"
        copy_libraries "$folder" "$program"
    done
}

copy_libraries() { # FOLDER PROGRAM
    local folder=$1 library
    while read -r library; do
        mkdir -p "$folder$(dirname "$library")"
        cp -Ln "$library" "$folder$library"
    done < <(ldd "$2" 2>/dev/null | grep -o '/[^ ]*')
}

# An initrd of what is in FOLDER. Several, one after the other, make one.
pack() { # FOLDER INITRD
    (cd "$1" && find . -print0 | sort -z | cpio --null --create --format=newc --owner=0:0 --reproducible --quiet) |
        lz4 -l -9 -q -f - "$2"
}

# step TEXT LOG FAILURE COMMAND...: runs COMMAND, which may be a function, with its output in LOG and tells how long it
# takes. When COMMAND fails, shows the end of LOG and ends the script with the message FAILURE. Call it on its own: bash
# ignores errexit in all that is called, however deep, by a command whose status is looked at.
step() {
    local text=$1 log=$2 failure=$3 start=$SECONDS status=0 ticker='' step
    shift 3
    mkdir -p "$(dirname "$log")"
    printf '%s ...' "$text" >&2
    start_group "$@" >"$log" 2>&1
    step=$group
    if [[ -t 2 ]]; then
        start_group tick "$text" "$start"
        ticker=$group
    fi
    wait_group "$step" || status=$?
    if [[ $ticker ]]; then
        kill -- "-$ticker" 2>/dev/null || true
        wait_group "$ticker" || true
        printf '\r%s ...' "$text" >&2
    fi
    if ((status)); then
        printf ' failed after %d s\n' $((SECONDS - start)) >&2
        note "The end of $(relative "$log"):"
        tail -n 20 "$log" | sed 's/^/    /' >&2
        explain_failure "$log"
        die "$failure"
    fi
    printf ' done in %d s\n' $((SECONDS - start)) >&2
}

tick() { # TEXT START
    while sleep 1; do printf '\r%s ... %d s' "$1" $((SECONDS - $2)) >&2; done
}

# A path as a user types it from the top of the repo.
relative() {
    printf '%s' "${1#"$root"/}"
}

# Says in one line what is behind the errors that users can do something about.
explain_failure() {
    # The log may have been what no longer fitted.
    if (($(df --output=avail -k "$build" | tail -n 1) < 1024)) || grep -q 'No space left on device' "$1"; then
        note "The disk is full: $(df -h --output=avail,target "$build" | tail -n 1 | xargs) available."
    fi
}

# The files of this checkout whose paths match, those included that git does not know yet and does not ignore.
checkout_files() { # [PATTERN...]
    (cd "$root" && git -c core.quotePath=off ls-files --cached --others --exclude-standard -- "$@") |
        while IFS= read -r file; do
            [[ ! -f $root/$file ]] || printf '%s\n' "$file"
        done | sort -u
}

# All of them, as somebody may be about to commit them. They belong to who runs this, as git wants it, and are as old as
# the copy: what was built of the last one may be younger than a change.
copy_checkout() { # FOLDER
    mkdir -p "$1"
    checkout_files . | tar -C "$root" --verbatim-files-from -T - -c | tar -C "$1" --no-same-owner --touch -x
}

# require_space GIB: refuses to begin what cannot end well.
require_space() {
    local have
    mkdir -p "$build"
    have=$(df --output=avail -k "$build" | tail -n 1)
    ((have >= $1 * 1024 * 1024)) ||
        die "needs $1 GiB free in $(relative "$build"), there are $((have / 1024 / 1024)) GiB; free some space and run it again"
}

# From here to the script's end it is the only one that makes TARGET, a name; others wait, as two terminals, or two suites
# of tests, may want the same.
lock() { # TARGET
    local fd
    mkdir -p "$build/locks"
    exec {fd}>"$build/locks/$1"
    flock "$fd"
}

# Stamps: a target is current when the hash of what it is made from, files, folders or plain words, is the one recorded
# when it was made. Where the repo lies does not matter.
hash_of() {
    local path
    {
        for path in "$@"; do
            if [[ -d $path ]]; then
                (cd "$path" && find . -type f -print0 | sort -z | xargs -0 -r sha256sum)
            elif [[ -e $path ]]; then
                sha256sum <"$path"
            else
                printf '%s\n' "$path"
            fi
        done
    } | sha256sum | cut -d ' ' -f 1
}

is_current() { # STAMP HASH
    [[ -f $1 && $(<"$1") == "$2" ]]
}

record_stamp() { # STAMP HASH
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "$2" >"$1.new"
    mv "$1.new" "$1"
}
