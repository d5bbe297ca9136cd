# SPDX-License-Identifier: GPL-2.0
# The selftests find the mistakes that a counter of VM-Exits is likely to have: patches/faults seeds one each into the
# series. K is the kernel series. Bochs, as TCG has no fastpath exits.

setup_file() {
    bats_require_minimum_version 1.5.0
    "$BATS_TEST_DIRNAME/../build-image" "$K" tests kvm-lost-update kvm-missed-fastpath kvm-leaked-register kvm-off-by-one-slot
    "$BATS_TEST_DIRNAME/../vm/run-vm" -e bochs -v intel "$K" seeded-faults
}

# found FAULT PROGRAM MESSAGE: PROGRAM passes under the patched KVM. With the mistake it fails, and says MESSAGE.
found() {
    folder=$BATS_TEST_DIRNAME/../../build/results/bochs-intel-$K-seeded-faults
    tail -n 20 "$folder/patched.$2.tap"
    [ "$(cat "$folder/patched.$2.status")" = 0 ]
    run ! grep '^not ok\|# SKIP' "$folder/patched.$2.tap"
    tail -n 20 "$folder/$1.$2.tap"
    [ "$(cat "$folder/$1.$2.status")" != 0 ]
    [ "$(cat "$folder/$1.$2.status")" != 4 ]
    grep -q -- "$3" "$folder/$1.$2.tap"
}

@test "a lost update: the counts differ from the tracepoint's" {
    found lost-update exit_stats_oracle_test "the tracepoint has [0-9]* exits, the leaf"
}

@test "a missed fastpath: VM-Exits are missing" {
    found missed-fastpath exit_stats_fastpath_test "more of MSR_WRITE (0x20), got 0"
}

@test "a leaked register: an error has more than EDX" {
    found leaked-register exit_stats_leaf_test "expected the error"
}

@test "an off-by-one slot: VM-Exits are counted under another reason" {
    found off-by-one-slot exit_stats_count_test "more of CPUID (0xa), got 0"
}
