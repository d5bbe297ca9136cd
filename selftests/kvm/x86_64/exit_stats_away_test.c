// SPDX-License-Identifier: GPL-2.0-only
/*
 * AWAY: exits that went to userspace, and everything that the guest lost to an
 * exit.  Handling cycles are those less the time in userspace or blocked.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* for RUSAGE_THREAD */
#endif
#include <sys/resource.h>
#include <sys/time.h>

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

/* How far a guest got that makes no exits of its own, and AWAY of all its exits. */
static u64 nr_spins;
static bool stop;
static struct es_sample all_away[2], all_total[2];

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

static struct es_sample sum_away(void)
{
	struct es_sample sum = {}, s;
	int i;

	for (i = 0; i < es_isa()->nr_reasons; i++) {
		s = es_read_reason(ES_AWAY, ES_VCPU, i);
		sum.count += s.count;
		sum.cycles += s.cycles;
	}
	return sum;
}

static void guest_spin(void)
{
	all_away[0] = sum_away();
	all_total[0] = es_read_sample(ES_TOTAL, ES_VCPU, 0);
	while (!READ_ONCE(stop))
		WRITE_ONCE(nr_spins, nr_spins + 1);
	all_total[1] = es_read_sample(ES_TOTAL, ES_VCPU, 0);
	all_away[1] = sum_away();
	ES_GUEST_DONE();
}

static void guest_all(void)
{
	int i;

	for (i = 0; i < es_isa()->nr_reasons; i++) {
		all[i].reason = es_read_reason(ES_REASON, ES_VM, i);
		all[i].away = es_read_reason(ES_AWAY, ES_VM, i);
	}
	ES_GUEST_DONE();
}

/* Host code. */

static u64 measure(void (*act)(u64 n), enum es_op op,
		   void (*hook)(struct kvm_vcpu *vcpu))
{
	u64 nr_io = es_run_hook(vcpu, guest_measure, (uintptr_t)act, op, hook);

	ES_FETCH(vm, growth);
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

		ES_FETCH(vm, growth);
		ES_FETCH(vm, halted_cycles);

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
	int i;

	es_run(vcpu, guest_all, 0, 0);
	ES_FETCH(vm, all);
	for (i = 0; i < es_isa()->nr_reasons; i++) {
		ES_EXPECT(all[i].away.cycles >= all[i].reason.cycles,
			  "%s: expected away >= handling cycles %lu, got %lu",
			  es_name(es_code_of(i)), all[i].reason.cycles, all[i].away.cycles);
		ES_EXPECT(all[i].away.count <= all[i].reason.count,
			  "%s: expected at most %lu exits to userspace, got %lu",
			  es_name(es_code_of(i)), all[i].reason.count, all[i].away.count);
	}
}

static void ignore_signal(int sig)
{
}

/* Again and again, as one that comes before KVM_RUN interrupts nothing. */
static void set_timer(int usec)
{
	struct itimerval timer = { { 0, usec }, { 0, usec } };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/*
 * An exit to userspace for a signal is one as any other, and whatever took the
 * CPU out of the guest is its reason: once in AWAY.  No VM-Entry, no exit: only
 * those count in which the guest got on.
 */
static void test_signal(void)
{
	u64 seen, entered = 0, interrupted = 0, returns, handling, start, elapsed, spinning = 0;
	sighandler_t old = signal(SIGALRM, ignore_signal);
	/* Bochs holds back the host's interrupts, too, while a guest has its own off. */
	struct kvm_regs regs = {
		.rip = (uintptr_t)guest_spin, .rsp = es_stack_top(vcpu->id),
		.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF,
	};
	int i;

	start = rdtsc();
	vcpu_regs_set(vcpu, &regs);
	for (i = 0; i < N; i++) {
		seen = READ_ONCE(*es_guest(vm, nr_spins));
		set_timer(SLEEP_USEC);
		TEST_ASSERT(__vcpu_run(vcpu) == -1 && errno == EINTR,
			    "Expected KVM_RUN to be interrupted, got exit reason %u (%s)",
			    vcpu->run->exit_reason, exit_reason_str(vcpu->run->exit_reason));
		set_timer(0);
		interrupted++;
		entered += READ_ONCE(*es_guest(vm, nr_spins)) != seen;
		spin(vcpu);
		spinning += spun;

		/* Told not to enter the guest, KVM_RUN is interrupted as well, and is no exit. */
		vcpu_run_complete_io(vcpu);
	}
	WRITE_ONCE(*es_guest(vm, stop), true);
	vcpu_run(vcpu);
	vcpu_run_complete_io(vcpu);
	signal(SIGALRM, old);
	elapsed = rdtsc() - start;

	ES_FETCH(vm, all_away);
	ES_FETCH(vm, all_total);
	returns = all_away[1].count - all_away[0].count;
	ES_EXPECT(entered && entered <= returns && returns <= interrupted,
		  "Expected %lu exits to userspace, got %lu", entered, returns);
	handling = all_total[1].cycles - all_total[0].cycles;
	ES_EXPECT(handling <= elapsed - spinning,
		  "Expected at most %lu handling cycles, as userspace took %lu of %lu, got %lu",
		  elapsed - spinning, spinning, elapsed, handling);
	ES_EXPECT(all_away[1].cycles - all_away[0].cycles >= spinning - spun,
		  "Expected at least %lu away cycles, got %lu", spinning,
		  all_away[1].cycles - all_away[0].cycles);
}

static const struct es_case cases[] = {
	{ "exits handled by KVM", test_kernel },
	{ "exits to userspace", test_user },
	{ "KVM_RUN that does not enter the guest", test_run_without_entry },
	{ "userspace runs between two KVM_RUNs", test_spin },
	{ "userspace sleeps between two KVM_RUNs", test_sleep },
	{ "HLT blocks", test_block },
	{ "KVM_RUN is interrupted by a signal", test_signal },
	{ "away is never less than handling", test_all },
};

int main(int argc, char *argv[])
{
	es_start();
	vm = es_create_vm(1, &vcpu);
	vm_install_exception_handler(vm, ES_VECTOR, es_handle_irq);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
