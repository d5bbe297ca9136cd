/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small VMs, which KVM's selftest framework knows nothing of: its own take long
 * to make.  Their guests do no more than read the leaf, in real mode.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_SMALL_VM_H
#define SELFTEST_KVM_EXIT_STATS_SMALL_VM_H

#include <sys/ioctl.h>
#include <sys/mman.h>

#include "exit_stats_report.h"

#define SMALL_VM_MAX_VCPUS	64
#define SMALL_VM_MEMORY		0x4000
#define SMALL_VM_CODE		0x1000

/* Read the leaf EBP times, and stop. */
asm(".pushsection .rodata\n"
	".code16\n"
	"small_vm_code:\n"
	"1:	mov %esi, %eax\n"
	"	mov %edi, %ecx\n"
	"	cpuid\n"
	"	dec %ebp\n"
	"	jnz 1b\n"
	"	out %al, $0x51\n"
	".code64\n"
	"small_vm_end:\n"
	".popsection\n");

extern const char small_vm_code[], small_vm_end[];

struct small_vcpu {
	/* KVM_GET_STATS_FD waits while the vCPU runs, hence it comes first. */
	int fd, stats_fd;
	struct kvm_run *run;
	size_t run_size;
};

struct small_vm {
	int kvm_fd, fd, nr_vcpus;
	void *memory;
	struct small_vcpu vcpus[SMALL_VM_MAX_VCPUS];
};

static inline int small_ioctl(int fd, const char *name, unsigned long cmd, unsigned long arg)
{
	int r = ioctl(fd, cmd, arg);

	TEST_ASSERT(r >= 0, "%s failed: %s", name, strerror(errno));
	return r;
}

#define SMALL_IOCTL(fd, cmd, arg)	small_ioctl(fd, #cmd, cmd, (unsigned long)(arg))

static inline void *small_map(int fd, size_t size)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	TEST_ASSERT(p != MAP_FAILED, "mmap() failed: %s", strerror(errno));
	return p;
}

static inline void create_small_vcpu(struct small_vm *vm, int i)
{
	struct small_vcpu *vcpu = &vm->vcpus[i];
	struct kvm_sregs sregs;

	vcpu->fd = SMALL_IOCTL(vm->fd, KVM_CREATE_VCPU, i);
	vcpu->run_size = SMALL_IOCTL(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	vcpu->run = small_map(vcpu->fd, vcpu->run_size);

	SMALL_IOCTL(vcpu->fd, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	SMALL_IOCTL(vcpu->fd, KVM_SET_SREGS, &sregs);
	vcpu->stats_fd = SMALL_IOCTL(vcpu->fd, KVM_GET_STATS_FD, NULL);
}

static inline void create_small_vm(struct small_vm *vm, int nr_vcpus)
{
	struct kvm_userspace_memory_region region = { .memory_size = SMALL_VM_MEMORY };
	int i;

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	TEST_ASSERT(vm->kvm_fd >= 0, "Cannot open /dev/kvm: %s", strerror(errno));
	vm->fd = SMALL_IOCTL(vm->kvm_fd, KVM_CREATE_VM, 0);
	SMALL_IOCTL(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000);

	vm->memory = small_map(-1, SMALL_VM_MEMORY);
	memcpy(vm->memory + SMALL_VM_CODE, small_vm_code, small_vm_end - small_vm_code);
	region.userspace_addr = (uintptr_t)vm->memory;
	SMALL_IOCTL(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);

	vm->nr_vcpus = nr_vcpus;
	for (i = 0; i < nr_vcpus; i++)
		create_small_vcpu(vm, i);
}

static inline void destroy_small_vm(struct small_vm *vm)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		munmap(vm->vcpus[i].run, vm->vcpus[i].run_size);
		close(vm->vcpus[i].stats_fd);
		close(vm->vcpus[i].fd);
	}
	close(vm->fd);
	close(vm->kvm_fd);
	munmap(vm->memory, SMALL_VM_MEMORY);
}

/* Have the guest read the leaf @nr times.  Return what it got at last. */
static inline struct es_regs small_vcpu_read(struct small_vcpu *vcpu, u32 selector, u32 nr)
{
	struct kvm_regs regs = {
		.rip = SMALL_VM_CODE, .rflags = X86_EFLAGS_FIXED,
		.rsi = KVM_CPUID_EXIT_STATS, .rdi = selector, .rbp = nr,
	};
	int r;

	SMALL_IOCTL(vcpu->fd, KVM_SET_REGS, &regs);
	do {
		r = ioctl(vcpu->fd, KVM_RUN, 0);
	} while (r < 0 && errno == EINTR);
	TEST_ASSERT(!r && vcpu->run->exit_reason == KVM_EXIT_IO, "KVM_RUN: %s, exit reason %u (%s)",
		    strerror(r ? errno : 0), vcpu->run->exit_reason,
		    exit_reason_str(vcpu->run->exit_reason));
	SMALL_IOCTL(vcpu->fd, KVM_GET_REGS, &regs);
	return (struct es_regs){ regs.rax, regs.rbx, regs.rcx, regs.rdx };
}

#endif /* SELFTEST_KVM_EXIT_STATS_SMALL_VM_H */
