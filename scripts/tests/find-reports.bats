# SPDX-License-Identifier: GPL-2.0
# What the reports in a kernel's log are, and whose.

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf '%s\n' free_table __kvm_exit_stats_load >own
    : >log
}

# Fields of the reports that are found in "log".
reports() { # FIELDS
    "$BATS_TEST_DIRNAME/../debug/find-reports" own log | cut -f "$1"
}

@test "a log without reports has none, however exit_stats is named in it" {
    printf '%s\n' 'kvm: exit_stats: VM 53 destroyed: 1 vCPU, 18190 exits' 'Linux version 6.12' >log
    [ -z "$(reports 1-)" ]
}

@test "KASAN: one report, ours by a function in its call trace, though its header has two first lines" {
    cat >log <<'LOG'
[   12.500000] ==================================================================
[   12.500001] BUG: KASAN: slab-out-of-bounds in kvm_exit_stats_cpuid+0x1a/0x90 [kvm]
[   12.500002] Read of size 8 at addr ffff888012345678 by task exit_stats_fuzz/77
[   12.500003] CPU: 0 UID: 0 PID: 77 Comm: exit_stats_fuzz Not tainted 6.12.0 #1
[   12.500004]  kvm_emulate_cpuid+0x10/0x20 [kvm]
[   12.500005] ==================================================================
[   12.600000] something else
LOG
    [ "$(reports 1-3)" = "$(printf 'own\t1\tBUG: KASAN: slab-out-of-bounds in kvm_exit_stats_cpuid+N/N [kvm]')" ]
    [[ "$(reports 4)" == *" | Read of size 8 at addr ffff888012345678 "*" |  kvm_emulate_cpuid+0x10/0x20 [kvm]" ]]
    [[ "$(reports 4)" != *"something else"* ]]
}

@test "the name of the program that runs does not make a report ours" {
    cat >log <<'LOG'
[   12.500001] WARNING: CPU: 1 PID: 4711 at arch/x86/kvm/x86.c:9999 vcpu_run+0x33/0x44 [kvm]
[   12.500003] CPU: 1 UID: 0 PID: 4711 Comm: exit_stats_stress Not tainted
[   12.500004] RIP: 0010:vcpu_run+0x33/0x44 [kvm]
[   12.500005] ---[ end trace 0000000000000000 ]---
LOG
    [ "$(reports 1-3)" = "$(printf 'other\t1\tWARNING: CPU: N PID: N at arch/xN/kvm/xN.c:N vcpu_run+N/N [kvm]')" ]
}

@test "equal reports are counted, and what differs only in numbers is equal" {
    for i in 1 2 3; do
        printf '%s\n' "BUG: KCSAN: data-race in kvm_vcpu_kick / vcpu_enter_guest" "" "write to 0xffff88800000000$i of 4 bytes" \
            "=================================================================="
    done >log
    [ "$(reports 1,2)" = "$(printf 'other\t3')" ]
}

@test "KCSAN: ours by a function whose name does not say so" {
    printf '%s\n' "BUG: KCSAN: data-race in kvm_arch_vcpu_load / __kvm_exit_stats_load" >log
    [ "$(reports 1)" = own ]
    printf '%s\n' "BUG: KCSAN: data-race in kvm_arch_vcpu_load / kvm_arch_vcpu_put" >log
    [ "$(reports 1)" = other ]
}

@test "KCSAN: who reads the binary stats races with any of KVM's counters, but ours is ours" {
    cat >log <<'LOG'
BUG: KCSAN: data-race in _copy_to_user / vcpu_run [kvm]
write to 0xffff888002987568 of 8 bytes by task 811 on cpu 0:
 vcpu_run+0x1351/0x2840 [kvm]
read to 0xffff8880029871e0 of 1016 bytes by task 229 on cpu 1:
 kvm_stats_read+0x1b7/0x200 [kvm]
LOG
    [ "$(reports 1,3)" = "$(printf 'other\tBUG: KCSAN: data-race in kvm_stats_read [kvm]')" ]
    sed -i 's/ vcpu_run+/ __kvm_exit_stats_load+/' log
    [ "$(reports 1)" = own ]
}

@test "kmemleak: told apart by who allocated, ours by a function of the list" {
    cat >log <<'LOG'
unreferenced object 0xffff888003d10000 (size 1024):
  comm "exit_stats_stre", pid 99, jiffies 4294900000
  backtrace (crc 0):
    __kmalloc+0x11/0x22
    free_table+0x33/0x44 [kvm]
unreferenced object 0xffff888003d20000 (size 1024):
  comm "exit_stats_stre", pid 99, jiffies 4294900000
  backtrace (crc 0):
    __kmalloc+0x11/0x22
    kvm_dev_ioctl+0x33/0x44 [kvm]
LOG
    [ "$(reports 1-3)" = "$(printf 'own\t1\tunreferenced object from __kmalloc free_table\nother\t1\tunreferenced object from __kmalloc kvm_dev_ioctl')" ]
}

@test "UBSAN: ours by the file it names" {
    printf '%s\n' "UBSAN: shift-out-of-bounds in ../arch/x86/kvm/exit_stats.c:195:12" >log
    [ "$(reports 1)" = own ]
}

@test "a report that has no end ends with its log" {
    printf '%s\n' "Kernel panic - not syncing: Attempted to kill init" >log
    printf '%s\n' "  kvm_exit_stats_cpuid+0x1/0x2" >log2
    [ "$("$BATS_TEST_DIRNAME/../debug/find-reports" own log log2 | cut -f 1)" = other ]
}
