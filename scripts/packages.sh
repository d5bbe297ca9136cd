# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# Debian: which one this is, its packages, and its source of Linux. Sourced by lib.sh.

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
