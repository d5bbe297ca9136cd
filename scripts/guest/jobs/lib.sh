# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What the jobs of the outer VM share; sourced by /init.

# Boots the inner VM with QEMU/KVM. What it reports ends up in /results/inner.
boot_inner() { # CPUS SECONDS
    mkdir -p /results/inner
    timeout -k 5 "$2" qemu-system-x86_64 -enable-kvm -cpu host -smp "$1" -m 128 -nodefaults -no-user-config -nographic \
        -no-reboot -kernel /inner/vmlinuz -initrd /inner/initrd \
        -append "console=ttyS0 quiet panic=-1 reboot=t" \
        -serial file:/results/inner-console.log \
        -chardev file,id=out,path=/tmp/inner.tar -device isa-debugcon,iobase=0xe9,chardev=out
    status=$?
    if [ $status -ne 0 ]; then
        echo "QEMU ended with status $status (124: killed after $2 s); the inner VM's last console lines:"
        tail -n 20 /results/inner-console.log
        return 1
    fi
    tar -C /results/inner -xf /tmp/inner.tar || {
        echo "the inner VM sent no complete report; its last console lines:"
        tail -n 20 /results/inner-console.log
        return 1
    }
}
