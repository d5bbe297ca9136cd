# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2154 # /init sets vendor
# What the jobs of the outer VM share; sourced by /init.

# The inner VM's CPU. In TCG without KVM's paravirtual EOI, so that an interrupt handler begins with a VM-Exit: until
# the next one, TCG may deliver an interrupt that VMRUN injected a second time, see scripts/vm/run-vm. And without XSAVE:
# TCG's XSETBV does not exit, so KVM tells a guest the room that XSAVE needs without it, and a Linux 7.3 dies of that. With
# brand=NAME on the kernel's command line exitstat does not know an emulator by the brand of its CPU.
inner_cpu() {
    cpu=host brand=$(option brand)
    ! grep -q 'QEMU TCG' /proc/cpuinfo || cpu=host,-kvm-pv-eoi,-xsave
    echo "$cpu${brand:+,model-id=$brand}"
}

# QEMU/KVM with the inner VM. Its kernel is the outer VM's, and leaves out what would take long to find nothing.
inner_qemu() { # SECONDS KERNEL-ARGUMENTS QEMU-OPTION...
    seconds=$1 arguments=$2 skipped=$(option initcall_blacklist)
    shift 2
    timeout -s KILL "$seconds" qemu-system-x86_64 -enable-kvm -cpu "$(inner_cpu)" -m 128 -nodefaults -no-user-config \
        -nographic -no-reboot -kernel /inner/vmlinuz -initrd /inner/initrd -serial file:/results/inner-console.log \
        -append "console=ttyS0 quiet acpi=off pci=off panic=-1 oops=panic reboot=t ${skipped:+cryptomgr.notests initcall_blacklist=$skipped} $arguments" "$@"
}

# Boots the inner VM. What it reports comes through its second serial port, and ends up in /results/inner.
boot_inner() { # SECONDS [KERNEL-ARGUMENTS]
    mkdir -p /results/inner
    inner_qemu "$1" "${2-}" -serial file:/tmp/inner.tar.gz
    case $? in
        0) tar -C /results/inner -xzf /tmp/inner.tar.gz && return ;;
        137) echo "QEMU was killed after $1 s" ;;
        *) echo "QEMU failed" ;;
    esac
    echo "the inner VM sent no complete report; its last console lines:"
    tail -n 20 /results/inner-console.log
    return 1
}

# What exitstat says in the inner VM, under the patched KVM.
report_from_inner() { # table|everything
    load_kvm || no_kvm || return 1
    progress "booting the inner VM with QEMU/KVM"
    boot_inner 300 "inner=$1" || return 1
    progress "the inner VM has powered off"
    [ "$(cat /results/inner/exitstat.txt.status)" = 0 ] || {
        cat /results/inner/exitstat.txt.err
        return 1
    }
}

no_kvm() {
    echo "the outer VM has no KVM for vendor $vendor; the last lines of its dmesg:"
    dmesg | tail -n 5
    return 1
}

# A KVM of scripts/build-baseline in place of the patched one.
load_baseline() { # NAME
    modprobe irqbypass
    # One of the patched KVM with a mistake has its KUnit tests.
    modprobe -q kunit
    insmod "/baseline/$1/kvm.ko" && insmod "/baseline/$1/kvm-$vendor.ko" && [ -c /dev/kvm ]
}

# The KVM that the kernel's command line names: kvm=patched, or kvm=NAME for one of scripts/build-baseline.
load_named_kvm() {
    kvm=$(option kvm patched)
    if [ "$kvm" = patched ]; then load_kvm; else load_baseline "$kvm"; fi
}

unload_kvm() {
    rmmod "kvm_$vendor" kvm
}

# Runs a program that prints TAP. What it printed and its exit status are in /results under NAME.
run_tap() { # SECONDS NAME PROGRAM ARGUMENT...
    seconds=$1 name=$2
    shift 2
    progress "$name"
    timeout -k 5 "$seconds" "$@" >"/results/$name.tap" 2>&1
    echo $? >"/results/$name.status"
}

# They are part of KVM, and have run when it was loaded.
run_kunit() {
    dmesg | grep -E '^ *(KTAP|TAP|1\.\.|ok|not ok|#)' >/results/kunit.tap
    grep -q '^ok 1 kvm-exit-stats' /results/kunit.tap
    echo $? >/results/kunit.status
}

selftests() {
    (cd /selftests && echo exit_stats_*)
}

# These, or those that the kernel's command line names: tests=NAME,NAME...
run_tests() { # NAME...
    for name in $(option tests "$*" | tr ',' ' '); do
        if [ "$name" = kunit ]; then run_kunit; else run_tap 300 "$name" "/selftests/$name"; fi
    done
}
