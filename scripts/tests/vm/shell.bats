# SPDX-License-Identifier: GPL-2.0
# What somebody sees who types in the shell of the outer VM, or tries a selftest. K is the kernel series.

load ../helpers

setup() {
    command -v tmux >/dev/null || skip "needs tmux"
    export TMUX_TMPDIR=$BATS_TEST_TMPDIR
    tmux=(tmux -u -f /dev/null -L exitstat-shell)
}

teardown() {
    "${tmux[@]}" kill-server 2>/dev/null || true
}

await() { # TEXT
    local i
    for ((i = 0; i < 900; i++)); do
        [[ $("${tmux[@]}" capture-pane -p) == *"$1"* ]] && return
        sleep 0.1
    done
    printf 'in vain: %s; the terminal shows:\n%s\n' "$1" "$("${tmux[@]}" capture-pane -p)"
    return 1
}

try_shell() { # ENGINE
    env -u TMUX "${tmux[@]}" new-session -d -x 120 -y 30 \
        "'$top/scripts/vm/run-vm' --shell -e $1 $K; echo status \$?; sleep 1000"
    await "exitstat, qemu-system-x86_64 and /selftests; exit powers off."
    "${tmux[@]}" send-keys 'command -v exitstat qemu-system-x86_64 /selftests/exit_stats_leaf_test &&' Enter
    "${tmux[@]}" send-keys '[ -c /dev/kvm ] && echo all "of it"' Enter
    await "all of it"
    "${tmux[@]}" send-keys exit Enter
    await "status 0"
}

@test "the shell has what it says, and ends with exit (TCG)" {
    try_shell tcg
}

@test "the shell has what it says, and ends with exit (Bochs)" {
    try_shell bochs
}

@test "make try runs the selftest that it is told, and refuses one that there is not" {
    run make -s -C "$top" try "K=$K" ENGINE=tcg VENDOR=amd T=exit_stats_info_test
    [ "$status" -eq 0 ]
    says "ok 1 signature and ABI version"
    [ "$(find "$top/build/results/try" -name '*.tap' | wc -l)" -eq 1 ]
    run make -s -C "$top" try "K=$K" ENGINE=tcg VENDOR=amd T=no_such_test
    [ "$status" -eq 2 ]
    says 'there is no test "no_such_test"; T is one of'
}
