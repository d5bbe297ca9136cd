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

# Instructions of a kind in the vendors' modules, as they are built: all of the way from a VM-Exit to the next VM-Entry that is
# the accounting's lies there, but for what vcpu_enter_guest() does. The rest of it, in kvm, is rare.
count_instructions() { # PATTERN FOLDER
    find "$top/build/$2" -name 'kvm-*.ko' -exec objdump -d --no-show-raw-insn {} + | grep -cP "\t$1"
}

@test "no LOCK-prefixed instruction more than in an unpatched KVM" {
    patched=$(count_instructions 'lock ' "kernel/$K-outer/arch/x86/kvm")
    unpatched=$(count_instructions 'lock ' "baseline/$K/unpatched")
    echo "$patched patched, $unpatched unpatched"
    [ "$patched" -gt 20 ] && [ "$patched" -eq "$unpatched" ]
}

# Of which one is instead of that in vcpu_enter_guest().
@test "two RDTSC for each vendor, at VM-Exit and VM-Entry" {
    patched=$(count_instructions rdtsc "kernel/$K-outer/arch/x86/kvm")
    unpatched=$(count_instructions rdtsc "baseline/$K/unpatched")
    echo "$patched patched, $unpatched unpatched"
    [ $((patched - unpatched)) -eq 4 ]
}
