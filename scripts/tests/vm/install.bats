# SPDX-License-Identifier: GPL-2.0
# exit-stats-reload on Debian's own kernel, with the modules that DKMS has built. MODULES is the folder of results of the job
# "modules".

# The call of that name ended with STATUS, and what is loaded then is STATE: whose modules, halt_poll_ns, nested.
ended() { # NAME STATUS STATE
    echo "$1 ended with $(cat "$MODULES/$1.status"), loaded: $(cat "$MODULES/$1.state"); it said: $(cat "$MODULES/$1".{out,err})"
    # shellcheck disable=SC2053 # it is a pattern
    [ "$(cat "$MODULES/$1.status")" = "$2" ] && [[ $(cat "$MODULES/$1.state") == $3 ]]
}

# On standard error, in one line.
said() { # NAME TEXT
    grep -qF -- "$2" "$MODULES/$1.err" && [ "$(wc -l <"$MODULES/$1.err")" = 1 ]
}

@test "the distribution's modules are loaded where it is told so" {
    ended stock 0 "stock *"
}

@test "the modules take their place, and parameters stay what they were" {
    ended check 0 "stock 12345 [0N] "
    ended ours 0 "ours 12345 [0N] "
    ended again 0 "ours 12345 [0N] "
    grep -q "already" "$MODULES/again.out"
}

@test "the selftests pass with them" {
    ! grep -h '^not ok' "$MODULES"/*.tap || false
    for status in "$MODULES"/exit_stats_*_test.status; do
        echo "$status: $(cat "$status")"
        [ "$(cat "$status")" = 0 ]
    done
}

@test "while a virtual machine runs nothing is done, and it is named" {
    ended in-use 1 "ours *"
    said in-use "(qemu-system-x86)"
}

@test "the way back" {
    ended back 0 "stock 12345 [0N] "
}

@test "modules that are missing, torn or another kernel's are found before anything is removed" {
    ended missing 1 "stock *"
    said missing "there are no modules for Linux"
    ended torn 1 "stock *"
    ended other-kernel 1 "stock *"
    said other-kernel "is for Linux 9"
}

@test "modules that the kernel refuses: the distribution's are loaded again" {
    ended refused 1 "stock 12345 *"
    said refused "The distribution's modules are loaded again."
}

@test "when the package is removed, nothing is left, and the kernel's package is whole" {
    cat "$MODULES/left"
    [ -e "$MODULES/left" ] && [ ! -s "$MODULES/left" ]
}
