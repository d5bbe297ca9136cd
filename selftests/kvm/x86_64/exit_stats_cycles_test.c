// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cycles: they grow with every exit, are never more than passed, and are none
 * of userspace's.  Nothing here depends on how fast the machine is.
 */
#include "exit_stats.h"

#define NR_READS	200
#define NR_SPINS	4
/* Far more than an exit costs KVM. */
#define SPIN_CYCLES	500000

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[2];
static u64 vm_created, spun;

/* Guest code. */

static struct es_sample total[NR_READS], cpuid_exits[NR_READS];
static struct es_sample io[2];
static struct es_snapshot snapshot;

static void guest_series(void)
{
	int i;

	for (i = 0; i < NR_READS; i++) {
		total[i] = es_read_sample(ES_TOTAL, ES_VM, 0);
		cpuid_exits[i] = es_read_sample(ES_REASON, ES_VCPU, es_code(ES_CPUID));
	}
	ES_GUEST_DONE();
}

static void guest_sync(void)
{
	int i;

	io[0] = es_read_sample(ES_REASON, ES_VCPU, es_code(ES_IO));
	for (i = 0; i < NR_SPINS; i++)
		ES_GUEST_SYNC();
	io[1] = es_read_sample(ES_REASON, ES_VCPU, es_code(ES_IO));
	ES_GUEST_DONE();
}

static void guest_snapshot(void)
{
	es_take_snapshot(&snapshot, ES_VM);
	ES_GUEST_DONE();
}

/* Host code. */

/* Runs a series on @vcpu; returns the cycles that passed meanwhile. */
static u64 run_series(struct kvm_vcpu *vcpu)
{
	u64 start = rdtsc();

	es_run(vcpu, guest_series, 0, 0);
	start = rdtsc() - start;
	ES_FETCH(vm, total);
	ES_FETCH(vm, cpuid_exits);
	return start;
}

/*
 * Cycles are added at the VM-Entry, thus each read sees more than the one
 * before; in particular they never decrease.
 */
static void test_growing(void)
{
	int i;

	run_series(vcpus[0]);
	for (i = 1; i < NR_READS; i++) {
		ES_EXPECT(total[i].cycles > total[i - 1].cycles,
			  "Read %d: expected TOTAL to grow from %lu cycles, got %lu", i,
			  total[i - 1].cycles, total[i].cycles);
		ES_EXPECT(cpuid_exits[i].cycles > cpuid_exits[i - 1].cycles,
			  "Read %d: expected CPUID exits to grow from %lu cycles, got %lu", i,
			  cpuid_exits[i - 1].cycles, cpuid_exits[i].cycles);
	}
}

static void test_bounded(void)
{
	u64 elapsed, since_created;
	int v, i;

	for (v = 0; v < ARRAY_SIZE(vcpus); v++) {
		elapsed = run_series(vcpus[v]);
		since_created = rdtsc() - vm_created;

		for (i = 0; i < NR_READS; i++) {
			ES_EXPECT(total[i].cycles <= since_created * ARRAY_SIZE(vcpus),
				  "vCPU %d, read %d: expected at most %lu cycles per vCPU in all, got %lu",
				  v, i, since_created, total[i].cycles);
			ES_EXPECT(cpuid_exits[i].cycles <= since_created,
				  "vCPU %d, read %d: expected at most %lu cycles for CPUID exits, got %lu",
				  v, i, since_created, cpuid_exits[i].cycles);
		}
		i = NR_READS - 1;
		ES_EXPECT(cpuid_exits[i].cycles - cpuid_exits[0].cycles <= elapsed,
			  "vCPU %d: expected at most %lu cycles for the exits of one KVM_RUN, got %lu",
			  v, elapsed, cpuid_exits[i].cycles - cpuid_exits[0].cycles);
	}
}

static void spin(struct kvm_vcpu *vcpu)
{
	u64 start = rdtsc();

	while (rdtsc() - start < SPIN_CYCLES)
		;
	spun += rdtsc() - start;
}

/*
 * Handling cycles are those in which the vCPU's thread ran in KVM.  What
 * userspace spends between two KVM_RUNs is none of them.
 */
static void test_userspace(void)
{
	u64 start, elapsed, handling;

	spun = 0;
	start = rdtsc();
	es_run_hook(vcpus[0], guest_sync, 0, 0, spin);
	elapsed = rdtsc() - start;
	ES_FETCH(vm, io);

	handling = io[1].cycles - io[0].cycles;
	ES_EXPECT(io[1].count - io[0].count == NR_SPINS, "Expected %d I/O exits, got %lu",
		  NR_SPINS, io[1].count - io[0].count);
	ES_EXPECT(handling <= elapsed - spun,
		  "Expected at most %lu handling cycles, as userspace took %lu of %lu, got %lu",
		  elapsed - spun, spun, elapsed, handling);
	ES_EXPECT(handling > 0, "Expected some handling cycles, got %lu", handling);
}

static void test_sum(void)
{
	es_run(vcpus[0], guest_snapshot, 0, 0);
	ES_FETCH(vm, snapshot);
	es_check_sum(&snapshot);
}

static const struct es_case cases[] = {
	{ "cycles grow from read to read", test_growing },
	{ "cycles are never more than have passed", test_bounded },
	{ "userspace's cycles are no handling cycles", test_userspace },
	{ "TOTAL is the sum over reasons", test_sum },
};

int main(int argc, char *argv[])
{
	es_start();
	vm_created = rdtsc();
	vm = es_create_vm(2, vcpus);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
