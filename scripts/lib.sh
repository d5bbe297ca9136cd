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

# What this machine says that it is, or the one that FILE is from.
os_release() { # FIELD [FILE]
    # The format is that of a shell's variables.
    # shellcheck source=/dev/null
    (unset "$1" && source "${2-/etc/os-release}" 2>/dev/null && printf '%s' "${!1-}") || true
}

# The name of a release of Debian that this is for, and the series of the kernel that it came with.
debian_release() { # NUMBER
    case $1 in
        12) echo bookworm 6.1 ;;
        13) echo trixie 6.12 ;;
        *) return 1 ;;
    esac
}

# How to run COMMAND where that Debian is not.
in_container() { # RELEASE COMMAND
    printf "podman run --rm -it -v \"\$PWD\":/exitstat:z -w /exitstat debian:%s sh -c '%s && %s'" \
        "$1" 'apt-get update && apt-get install -y git make' "$2"
}

# shellcheck disable=SC2120 # only tests have another machine's
require_debian() { # [OS-RELEASE]
    local name
    [[ $(os_release ID "$@") != debian ]] || ! debian_release "$(os_release VERSION_ID "$@")" >/dev/null || return 0
    name=$(os_release PRETTY_NAME "$@")
    die "this is for Debian 12 and 13, and not for ${name:-this system}; a container will do: $(in_container 13 'make demo')"
}

# Sets as_root to what a command must begin with to run as root.
become_root() { # WHAT-FOR
    as_root=()
    ((EUID)) || return 0
    command -v sudo >/dev/null || die "needs root to $1; there is no sudo, so run it as root"
    # Ask now for a password, if it must be: what follows runs in the background.
    sudo -v || die "sudo does not let you $1; run it as root"
    as_root=(sudo)
}

# Has apt read anew which packages there are, once in all that one command of the user starts. If the lists cannot be had,
# those that are here may do, and without root they must.
refresh_packages() {
    [[ ! ${packages_refreshed-} ]] || return 0
    export packages_refreshed=yes
    ((EUID == 0)) || command -v sudo >/dev/null || return 0
    become_root "read the lists of packages"
    step "Reading the lists of packages" "$results/package-lists.log" "cannot read the lists of packages" \
        read_package_lists
}

read_package_lists() {
    "${as_root[@]}" apt-get -q update || true
}

# Prints those that are installed.
installed() { # PACKAGE...
    { dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } | sed -n 's/ installed$//p'
}

# source_available K: whether Debian's source of Linux K is here, or can be installed. Fetches it where only another
# release has it. If not, prints why and what to do, which is then in no_source as well.
source_available() {
    local package=linux-source-$1 number name kernel
    # shellcheck disable=SC2119
    require_debian
    [[ ! -f $(fetched_source "$1") && ! $(installed "$package") ]] || return 0
    ! has_candidate "$package" || return 0
    number=$(os_release VERSION_ID)
    read -r name kernel < <(debian_release "$number")
    # The oldest first. A release gets newer kernels, and none that is older than its own.
    if [[ $(printf '%s\n' "$1" "$kernel" | sort -V | head -n 1) != "$kernel" ]]; then
        no_source="Debian $number has no $package, as it came with Linux $kernel; an older Debian has it: "
        no_source+=$(in_container 12 "make demo K=$1")
    else
        refresh_packages
        ! has_candidate "$package" || return 0
        no_source="apt does not know $package, and "
        if [[ $1 == "$kernel" ]]; then
            no_source+="could not read the lists of Debian $number: is there a network?"
        else
            no_source+=$(fetch_source "$1" "$name") && return 0
        fi
    fi
    printf '%s\n' "$no_source"
    return 1
}

has_candidate() { # PACKAGE
    # To apt, the name of no package is a regular expression: linux-source-6.1 is in linux-source-6.12.
    apt-cache policy "$1" | grep -xF -A 2 "$1:" | grep '^ *Candidate: [0-9]' >/dev/null
}

# Where the package with the source of Linux K is, if it was fetched.
fetched_source() { # K
    printf '%s' "$build/source/linux-source-$1.deb"
}

# Fetches that package from the backports to the newest release. If it cannot, prints why.
fetch_source() { # K NAME-OF-THIS-RELEASE
    local suite
    suite=$(debian_release 13)
    fetch_package "linux-source-$1" "${suite% *}-backports" "$2" "$(fetched_source "$1")"
}

# Makes FILE the PACKAGE that SUITE of Debian has, as apt does it, signatures checked, but with lists of its own: those of
# this machine stay as they are. If it cannot, prints why.
fetch_package() ( # PACKAGE SUITE NAME-OF-THIS-RELEASE FILE
    local folder=$build/source log=$results/source-$1.log keys=/usr/share/keyrings/debian-archive-keyring.gpg
    local mirror apt
    # shellcheck disable=SC2016 # for apt to expand
    mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $3" 'Created-By: Packages' | head -n 1)
    if [[ ! $mirror ]]; then
        echo "could not read the lists of $3: is there a network?"
        return 1
    fi
    mkdir -p "$folder/lists/partial" "$results"
    lock source
    echo "deb [signed-by=$keys] $mirror $2 main" >"$folder/list"
    apt=(apt-get -q -o "Dir::Etc::sourcelist=$folder/list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache")
    note "Getting $1 from $2"
    {
        cd "$folder"
        "${apt[@]}" -o APT::Update::Error-Mode=any update && "${apt[@]}" download "$1/$2" && mv "$1"_*.deb "$4"
    } >"$log" 2>&1 || {
        echo "it cannot be had from $2: $(sed -n 's/^E: //p' "$log" | head -n 1)"
        return 1
    }
)

# The version of Debian's package with the source of Linux K.
source_version() { # K
    if [[ -f $(fetched_source "$1") ]]; then
        dpkg-deb -f "$(fetched_source "$1")" Version
    else
        dpkg-query -W -f '${Version}' "linux-source-$1"
    fi
}

# The release of Debian's own kernel for clouds that is of the same version as the source of Linux K here. Fails where the
# archive has none.
stock_release() { # K
    local packages release
    [[ ! -f $(fetched_source "$1") ]] || return 1
    mapfile -t packages < <(apt-cache search --names-only "^linux-image-$1[.].*-cloud-amd64\$" | cut -d ' ' -f 1)
    ((${#packages[@]})) || return 1
    release=$(apt-cache madison "${packages[@]}" |
        awk -v version="$(source_version "$1")" '$3 == version && !seen++ { sub("linux-image-", "", $1); print $1 }')
    [[ $release ]] && printf '%s\n' "$release"
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
