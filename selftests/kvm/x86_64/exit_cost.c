// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM-Exit costs, seen by the guest: TSC ticks for each CPUID.  Under
 * Bochs, whose TSC advances by one with each instruction, that is the number
 * of executed instructions, the CPUID and the guest's loop included.
 *
 * The best of many short runs is free of timer interrupts.
 */
#include "exit_stats.h"

#define NR_RUNS		200
#define NR_CPUIDS	100

static u64 best;

static void guest_code(u32 eax, u32 ecx)
{
	u64 start, ticks;
	int run, i;

	best = -1ull;
	for (run = 0; run < NR_RUNS; run++) {
		start = rdtsc();
		for (i = 0; i < NR_CPUIDS; i++)
			es_cpuid(eax, ecx);
		ticks = rdtsc() - start;
		if (ticks < best)
			best = ticks;
	}
	GUEST_DONE();
}

static void measure(const char *what, u32 eax, u32 ecx)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	struct ucall uc;

	vcpu_args_set(vcpu, 2, (u64)eax, (u64)ecx);
	vcpu_run(vcpu);
	TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_DONE,
		    "The guest should be done, ucall %lu", uc.cmd);
	sync_global_from_guest(vm, best);
	printf("%s: %lu.%02lu\n", what, best / NR_CPUIDS, best % NR_CPUIDS);
	kvm_vm_free(vm);
}

int main(void)
{
	measure("CPUID leaf 0", 0, 0);
	measure("CPUID leaf 0x4fffffff, TOTAL", 0x4fffffff, 0);
	return 0;
}
