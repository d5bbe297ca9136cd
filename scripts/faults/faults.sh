# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # lib.sh and tap.sh set what is used here
# The mistakes of patches/faults, and when one counts as found. Sourced after lib.sh and tap.sh.
#
# The header of a patch says in "Forwarded", in parentheses, which harness must find the mistake, and with what arguments;
# and in "Found-as" by what: an extended regular expression for a line of what that harness says then.

# A line for each mistake that HARNESS must find: its name and, behind a tab, the arguments. HARNESS is a script, which may
# have the first of the arguments with it.
faults_for() { # HARNESS
    local patch arguments
    for patch in "$root"/patches/faults/*.patch; do
        arguments=$(sed -nE "/^---/q; s,^Forwarded: .*\($1( ([^)]*))?\).*,=\2,p" "$patch")
        [[ ! $arguments ]] || printf '%s\t%s\n' "$(basename "$patch" .patch)" "${arguments#=}"
    done
}

# What has been found, as lines of Markdown.
findings=()

# find_faults K HARNESS COMMAND...: a test for each mistake that HARNESS must find. Calls COMMAND FAULT SAID ARGUMENT...,
# which has to fail unless KVM was built with the mistake and its run came to its end, and leaves in the file SAID what
# was said. Only then is a mistake found, and only by the message that its patch names. To have none is a failure as well.
# Call it on its own, for errexit, as "step".
find_faults() {
    local k=$1 harness=$2 faults fault arguments name log said status pattern line words
    shift 2
    faults=$(faults_for "$harness")
    if [[ ! $faults ]]; then
        tap 1 "patches/faults has a mistake for $harness"
        return
    fi
    while IFS=$'\t' read -r -u 5 fault arguments; do
        name=${harness##*/}
        name=$results/faults/$k/${name// /-}-$fault
        log=$name.log said=$name.said status=0
        mkdir -p "${name%/*}"
        rm -f "$said"
        note "Seeding the mistake $fault, Linux $k"
        read -ra words <<<"$arguments"
        start_group "$@" "$fault" "$said" "${words[@]}" >"$log" 2>&1
        wait_group "$group" || status=$?
        pattern=$(sed -n '/^---/q; s/^Found-as: //p' "$root/patches/faults/$fault.patch")
        if ((status)); then
            tap 1 "the mistake $fault does not apply, does not build, or its run does not come to its end" "$log"
        elif [[ ! $pattern ]]; then
            tap 1 "the mistake $fault has no Found-as in its patch"
        elif line=$(grep -aEm 1 -- "$pattern" "$said"); then
            # Without what makes it a comment or a list.
            line=$(sed -E 's/^[-# \t]+//' <<<"$line")
            tap 0 "the mistake $fault is found: $line"
            findings+=("- with the mistake \`$fault\`: $line")
        else
            tap 1 "the mistake $fault is missed: there is no \"$pattern\"" "$said"
        fi
    done 5<<<"$faults"
}
