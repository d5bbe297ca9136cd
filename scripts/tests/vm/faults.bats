# SPDX-License-Identifier: GPL-2.0
# Virtual machines that fail: run-vm must notice, fail, and show why. K is the kernel series. Mostly under TCG, which is
# quick.

load ../helpers

setup() {
    run_vm=("$top/scripts/vm/run-vm")
    results=$top/build/results
}

tcg() { # ARGUMENT...
    run "${run_vm[@]}" -e tcg "$@"
}

bochs() { # ARGUMENT...
    run "${run_vm[@]}" -e bochs "$@"
}

# Begins a run, tells it to end once the engine is at work, and looks at what is left of both.
end_run() { # ENGINE
    local i status=0 out=$results/ended
    rm -rf "$out"
    "${run_vm[@]}" -e "$1" -o ended "$K" faults fault=hang >"$BATS_TEST_TMPDIR/run-vm" 2>&1 3>&- &
    for ((i = 0; i < 600; i++)); do
        ! grep -qs 'job faults' "$out/port-e9" || break
        sleep 0.1
    done
    pgrep -f "$out/"
    kill -TERM $!
    wait $! || status=$?
    [ "$status" -eq 143 ]
    run pgrep -af "$out/"
    [ -z "$output" ]
    [ ! -e "$out/cd.iso" ] && [ ! -e "$out/initrd" ]
}

@test "a panic of the outer VM ends the run and is shown" {
    tcg "$K" faults fault=exit
    [ "$status" -eq 1 ]
    says "the outer VM's kernel panicked"
    says "Attempted to kill init"
}

@test "a panic of the outer VM is noticed in Bochs as well" {
    bochs "$K" faults fault=exit
    [ "$status" -eq 1 ]
    says "the outer VM's kernel panicked"
}

@test "a hang of the outer VM ends the run after the timeout, with the last console lines" {
    tcg -t 30 "$K" faults fault=hang
    [ "$status" -eq 1 ]
    says "not done after 30 s"
    says "hanging, as asked"
}

@test "a panic and a hang of the inner VM are noticed in the outer VM, with the last console lines" {
    tcg "$K" faults fault=inner
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
}

@test "no KVM in the outer VM is a clear error" {
    tcg "$K" faults fault=no-kvm
    [ "$status" -eq 1 ]
    says "the outer VM has no KVM for vendor nobody"
}

@test "a WARNING and a BUG of the outer VM's kernel end the run and are shown" {
    for fault in WARNING BUG; do
        tcg "$K" faults "fault=$fault"
        [ "$status" -eq 1 ]
        says "the outer VM's kernel panicked"
        says "lkdtm_$fault+"
    done
}

@test "a WARNING ends the run in Bochs as well" {
    bochs "$K" faults fault=WARNING
    [ "$status" -eq 1 ]
    says "the outer VM's kernel panicked"
    says "lkdtm_WARNING+"
}

@test "a WARNING fails the run even if the kernel survives and the job passes" {
    for engine in tcg bochs; do
        "$engine" "$K" faults fault=survived-warning
        [ "$(cat "$results/$engine"-*-"$K"-faults/verdict)" = passed ]
        [ "$status" -eq 1 ]
        says "A kernel reports:"
        says "lkdtm_WARNING+"
    done
}

@test "run-vm that is told to end ends its engine, QEMU" {
    end_run tcg
}

@test "run-vm that is told to end ends its engine, Bochs" {
    end_run bochs
}
