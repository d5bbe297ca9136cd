// SPDX-License-Identifier: GPL-2.0-only
/*
 * AWAY: exits that went to userspace, and everything that the guest lost to an
 * exit.  Handling cycles are those less the time in userspace or blocked.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for RUSAGE_THREAD */
#endif
#include <sys/resource.h>

#include "exit_stats.h"

#define N		20
#define NR_ROUNDS	10
#define MAX_TRIES	1000
#define SPIN_CYCLES	500000
#define SLEEP_USEC	2000

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;
static u64 spun;

/* Guest code. */

/* REASON and AWAY of one reason: how much they grew. */
static struct growth {
	struct es_sample reason, away;
} growth;

static struct {
	struct es_sample reason, away;
} all[ES_MAX_REASONS];

static u64 halted_cycles;
static bool apic_enabled;

static struct es_sample grown(struct es_sample from, struct es_sample to)
{
	return (struct es_sample){ to.count - from.count, to.cycles - from.cycles };
}

static void guest_measure(void (*act)(u64 n), enum es_op op)
{
	struct es_sample reason = es_read_sample(ES_REASON, ES_VCPU, es_code(op));
	struct es_sample away = es_read_sample(ES_AWAY, ES_VCPU, es_code(op));

	act(N);
	growth.reason = grown(reason, es_read_sample(ES_REASON, ES_VCPU, es_code(op)));
	growth.away = grown(away, es_read_sample(ES_AWAY, ES_VCPU, es_code(op)));
	ES_GUEST_DONE();
}

static void guest_hypercall(u64 n)
{
	while (n--)
		es_hypercall();
}

static void guest_rdmsr(u64 n)
{
	while (n--)
		rdmsr(MSR_MISC_FEATURES_ENABLES);
}

static void guest_in_kernel(u64 n)
{
	while (n--)
		es_inb(ES_KERNEL_PORT);
}

static void guest_in_user(u64 n)
{
	while (n--)
		es_inb(ES_USER_PORT);
}

static void guest_in_both(u64 n)
{
	while (n--) {
		es_inb(ES_KERNEL_PORT);
		es_inb(ES_USER_PORT);
	}
}

static void guest_sync(u64 n)
{
	ES_GUEST_SYNC();
}

static void guest_block(u64 n)
{
	u64 start;

	if (!apic_enabled)
		x2apic_enable();
	apic_enabled = true;

	ES_GUEST_SYNC();
	start = rdtsc();
	es_halt();
	halted_cycles = rdtsc() - start;
}

static void guest_all(void)
{
	const struct es_isa *isa = es_isa();
	int i;

	for (i = 0; i < isa->nr_reasons; i++) {
		if (isa->reasons[i].code > 0xffff)
			continue;
		all[i].reason = es_read_sample(ES_REASON, ES_VM, isa->reasons[i].code);
		all[i].away = es_read_sample(ES_AWAY, ES_VM, isa->reasons[i].code);
	}
	ES_GUEST_DONE();
}

/* Host code. */

static u64 measure(void (*act)(u64 n), enum es_op op,
		   void (*hook)(struct kvm_vcpu *vcpu))
{
	u64 nr_io = es_run_hook(vcpu, guest_measure, (uintptr_t)act, op, hook);

	growth = *es_guest(vm, growth);
	ES_EXPECT(growth.away.cycles >= growth.reason.cycles,
		  "%s: expected away >= handling cycles %lu, got %lu", es_name(es_code(op)),
		  growth.reason.cycles, growth.away.cycles);
	return nr_io;
}

static void expect_counts(enum es_op op, u64 count, u64 away)
{
	ES_EXPECT(growth.reason.count == count, "%s: expected %lu exits, got %lu",
		  es_name(es_code(op)), count, growth.reason.count);
	ES_EXPECT(growth.away.count == away, "%s: expected %lu exits to userspace, got %lu",
		  es_name(es_code(op)), away, growth.away.count);
}

static const struct {
	enum es_op op;
	void (*act)(u64 n);
} kernel_acts[] = {
	{ ES_HYPERCALL,	guest_hypercall },
	{ ES_RDMSR,	guest_rdmsr },
	{ ES_IO,	guest_in_kernel },
};

/* How often this thread, which is the vCPU's, was scheduled out. */
static long nr_switches(void)
{
	struct rusage usage;

	TEST_ASSERT(!getrusage(RUSAGE_THREAD, &usage), "getrusage() failed");
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

/*
 * For an exit handled in the kernel the two are equal, unless the thread was
 * scheduled out, which the scheduler tells: a round in which it was proves
 * nothing, and is not one of NR_ROUNDS.
 */
static void test_kernel(void)
{
	int i, rounds, tries;
	long switches;

	for (i = 0; i < ARRAY_SIZE(kernel_acts); i++) {
		for (rounds = tries = 0; rounds < NR_ROUNDS && tries < MAX_TRIES; tries++) {
			switches = nr_switches();
			measure(kernel_acts[i].act, kernel_acts[i].op, NULL);
			switches = nr_switches() - switches;

			expect_counts(kernel_acts[i].op, N, 0);
			if (switches)
				continue;
			rounds++;
			ES_EXPECT(growth.away.cycles == growth.reason.cycles,
				  "%s: expected away = handling cycles %lu, got %lu",
				  es_name(es_code(kernel_acts[i].op)),
				  growth.reason.cycles, growth.away.cycles);
		}
		ES_EXPECT(rounds == NR_ROUNDS,
			  "%s: expected %d of %d rounds without being scheduled out, got %d",
			  es_name(es_code(kernel_acts[i].op)), NR_ROUNDS, MAX_TRIES, rounds);
	}
}

/* Userspace exits are the KVM_RUN returns that the test itself saw. */
static void test_user(void)
{
	u64 returns = measure(guest_in_user, ES_IO, NULL);

	ES_EXPECT(returns == N, "Expected KVM_RUN to return %d times, got %lu", N, returns);
	expect_counts(ES_IO, N, returns);
	ES_EXPECT(growth.away.cycles > growth.reason.cycles,
		  "Expected away > handling cycles %lu, got %lu",
		  growth.reason.cycles, growth.away.cycles);

	returns = measure(guest_in_both, ES_IO, NULL);
	expect_counts(ES_IO, 2 * N, returns);
}

static void run_without_entry(struct kvm_vcpu *vcpu)
{
	int i;

	for (i = 0; i < 10; i++)
		vcpu_run_complete_io(vcpu);
}

/* KVM_RUN that does not enter the guest is not another exit to userspace. */
static void test_run_without_entry(void)
{
	measure(guest_sync, ES_IO, run_without_entry);
	expect_counts(ES_IO, 1, 1);
}

static void spin(struct kvm_vcpu *vcpu)
{
	u64 start = rdtsc();

	while (rdtsc() - start < SPIN_CYCLES)
		;
	spun = rdtsc() - start;
}

static void sleep_a_while(struct kvm_vcpu *vcpu)
{
	u64 start = rdtsc();

	usleep(SLEEP_USEC);
	spun = rdtsc() - start;
}

/* Away cycles run on in userspace, whether it runs or sleeps; handling stops. */
static void test_userspace_time(void (*hook)(struct kvm_vcpu *vcpu))
{
	u64 elapsed = rdtsc();

	measure(guest_sync, ES_IO, hook);
	elapsed = rdtsc() - elapsed;

	expect_counts(ES_IO, 1, 1);
	ES_EXPECT(growth.away.cycles >= spun && growth.away.cycles <= elapsed,
		  "Expected %lu..%lu away cycles, got %lu", spun, elapsed, growth.away.cycles);
	ES_EXPECT(growth.reason.cycles <= elapsed - spun,
		  "Expected at most %lu handling cycles, got %lu", elapsed - spun,
		  growth.reason.cycles);
}

static void test_spin(void)
{
	test_userspace_time(spin);
}

static void test_sleep(void)
{
	test_userspace_time(sleep_a_while);
}

/*
 * A blocked vCPU is away, and not handled; nor is it in userspace.  How long it
 * blocked, the guest's own TSC says: most of the time around HLT, unless the
 * interrupt came too early for once.
 */
static void test_block(void)
{
	struct kvm_msi msi = { .address_lo = APIC_DEFAULT_GPA, .data = ES_VECTOR };
	struct es_job job = { vcpu, guest_measure, (uintptr_t)guest_block, ES_HLT };
	u64 blocked;
	int round, good = 0;

	if (!kvm_has_cap(KVM_CAP_SIGNAL_MSI))
		ES_SKIP("KVM has no KVM_CAP_SIGNAL_MSI");
	if (!kvm_cpu_has(X86_FEATURE_X2APIC))
		ES_SKIP("KVM does not support x2APIC");

	for (round = 0; round < NR_ROUNDS / 2 && !good; round++) {
		es_spawn(&job);
		sem_wait(&es_synced);
		usleep(SLEEP_USEC);
		TEST_ASSERT(__vm_ioctl(vm, KVM_SIGNAL_MSI, &msi) > 0, "KVM_SIGNAL_MSI failed");
		es_join(&job);

		growth = *es_guest(vm, growth);
		halted_cycles = *es_guest(vm, halted_cycles);

		expect_counts(ES_HLT, 1, 0);
		ES_EXPECT(growth.away.cycles <= halted_cycles,
			  "Expected at most %lu away cycles, got %lu", halted_cycles,
			  growth.away.cycles);
		blocked = growth.away.cycles - growth.reason.cycles;
		good += blocked > halted_cycles / 2;
	}
	ES_EXPECT(good,
		  "Expected more than half of %lu cycles blocked, got %lu away and %lu handling",
		  halted_cycles, growth.away.cycles, growth.reason.cycles);
}

static void test_all(void)
{
	const struct es_isa *isa = es_isa();
	int i;

	es_run(vcpu, guest_all, 0, 0);
	memcpy(all, es_guest(vm, all), sizeof(all));
	for (i = 0; i < isa->nr_reasons; i++) {
		ES_EXPECT(all[i].away.cycles >= all[i].reason.cycles,
			  "%s: expected away >= handling cycles %lu, got %lu",
			  isa->reasons[i].name, all[i].reason.cycles, all[i].away.cycles);
		ES_EXPECT(all[i].away.count <= all[i].reason.count,
			  "%s: expected at most %lu exits to userspace, got %lu",
			  isa->reasons[i].name, all[i].reason.count, all[i].away.count);
	}
}

static const struct es_case cases[] = {
	{ "exits handled by KVM", test_kernel },
	{ "exits to userspace", test_user },
	{ "KVM_RUN that does not enter the guest", test_run_without_entry },
	{ "userspace runs between two KVM_RUNs", test_spin },
	{ "userspace sleeps between two KVM_RUNs", test_sleep },
	{ "HLT blocks", test_block },
	{ "away is never less than handling", test_all },
};

int main(int argc, char *argv[])
{
	es_start();
	vm = es_create_vm(1, &vcpu);
	if (!es_has_view(ES_AWAY))
		ksft_exit_skip("INFO says there is no view AWAY\n");

	vm_install_exception_handler(vm, ES_VECTOR, es_handle_irq);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
