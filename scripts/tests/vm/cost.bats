# SPDX-License-Identifier: GPL-2.0
# What a VM-Exit costs, in executed instructions, which Bochs repeats to the digit. K is the kernel series.

load ../helpers

# Limits and recorded figures are run-bench's. Who changes what a VM-Exit costs records it: run-bench --cost --record K.
@test "a CPUID and a read of TOTAL take what was recorded, or elsewhere no more than the targets allow" {
    run "$top/scripts/bench/run-bench" --cost "$K"
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ok: ' <<<"$output")" -ge 4 ]
}

# Instructions of a kind in the three modules of KVM, as they are built.
count_instructions() { # PATTERN FOLDER
    find "$top/build/$2" -name 'kvm*.ko' -exec objdump -d --no-show-raw-insn {} + | grep -cP "\t$1"
}

@test "no LOCK-prefixed instruction more than in an unpatched KVM" {
    patched=$(count_instructions 'lock ' "kernel/$K-outer/arch/x86/kvm")
    unpatched=$(count_instructions 'lock ' "baseline/$K/unpatched")
    echo "$patched patched, $unpatched unpatched"
    [ "$patched" -gt 100 ] && [ "$patched" -eq "$unpatched" ]
}

# Two for each vendor, VM-Exit and VM-Entry, of which one is instead of that in vcpu_enter_guest(); and one that is off
# the path, for the thread's return to KVM.
@test "two RDTSC for each vendor's exit path, and one for a return to KVM" {
    patched=$(count_instructions rdtsc "kernel/$K-outer/arch/x86/kvm")
    unpatched=$(count_instructions rdtsc "baseline/$K/unpatched")
    echo "$patched patched, $unpatched unpatched"
    [ "$unpatched" -gt 10 ] && [ $((patched - unpatched)) -eq 5 ]
}
