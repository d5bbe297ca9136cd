// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a read of the leaf costs the guest that asks, in VMs of 1, 8 and 64 vCPUs:
 * TSC ticks for each, the best of many short rounds, which is free of timer
 * interrupts, less an empty loop's share.  Prints a line for each view, its name
 * and the cost with each number of vCPUs.  The first line is a CPUID of another
 * leaf, for comparison.
 */
#include "exit_stats.h"

#define NR_ROUNDS	50
#define NR_READS	50

static const int sizes[] = { 1, 8, 64 };

#define LEAF(...)	KVM_CPUID_EXIT_STATS, ES_SELECTOR(__VA_ARGS__)

static const struct {
	const char *name;
	u32 leaf, selector;
} kinds[] = {
	{ "cpuid",	0 },
	{ "total",	LEAF(ES_TOTAL, ES_VM, 0) },
	{ "total_vcpu",	LEAF(ES_TOTAL, ES_VCPU, 0) },
	{ "info",	LEAF(ES_INFO, 1, 0) },
	{ "reason",	LEAF(ES_REASON, ES_VM, 0) },
	{ "other",	LEAF(ES_REASON, ES_VM, KVM_EXIT_STATS_REASON_OTHER) },
	{ "away",	LEAF(ES_AWAY, ES_VM, 0) },
	{ "hist",	LEAF(ES_HIST, 5, 0) },
	{ "next",	LEAF(ES_NEXT, ES_VM, 0) },
	/* From behind all that has happened. */
	{ "next_none",	LEAF(ES_NEXT, ES_VM, KVM_EXIT_STATS_REASON_OTHER) },
};

/* Guest code. */

static u64 best[ARRAY_SIZE(kinds)];

static u64 guest_time(u32 leaf, u32 selector, bool empty)
{
	u64 start = rdtsc();
	int i;

	for (i = 0; i < NR_READS; i++) {
		if (empty)
			asm volatile("" : : : "memory");
		else
			es_cpuid(leaf, selector);
	}
	return rdtsc() - start;
}

static void guest_measure(void)
{
	u64 empty = -1ull;
	int round, i;

	for (round = 0; round < NR_ROUNDS; round++)
		empty = min(empty, guest_time(0, 0, true));

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		best[i] = -1ull;
		for (round = 0; round < NR_ROUNDS; round++)
			best[i] = min(best[i], guest_time(kinds[i].leaf, kinds[i].selector, false));
		best[i] -= empty;
	}
	ES_GUEST_DONE();
}

/* Host code. */

static double cost[ARRAY_SIZE(kinds)][ARRAY_SIZE(sizes)];

static void measure(int size)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = es_create_vm(1, &vcpu);
	int fds[64], i;

	/* No more than there to be summed over. */
	for (i = 1; i < sizes[size]; i++) {
		fds[i] = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(unsigned long)i);
		TEST_ASSERT(fds[i] >= 0, "KVM_CREATE_VCPU failed for vCPU %d: %s", i,
			    strerror(errno));
	}

	es_run(vcpu, guest_measure, 0, 0);
	ES_FETCH(vm, best);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		cost[i][size] = (double)best[i] / NR_READS;

	for (i = 1; i < sizes[size]; i++)
		close(fds[i]);
	kvm_vm_free(vm);
}

int main(void)
{
	int i, j;

	es_detect();
	for (j = 0; j < ARRAY_SIZE(sizes); j++)
		measure(j);

	printf("view");
	for (j = 0; j < ARRAY_SIZE(sizes); j++)
		printf(" vcpus_%d", sizes[j]);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		printf("\n%s", kinds[i].name);
		for (j = 0; j < ARRAY_SIZE(sizes); j++)
			printf(" %.2f", cost[i][j]);
	}
	printf("\n");
	return 0;
}
