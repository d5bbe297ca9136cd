// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module parameters: exit_stats stops and restarts the counters at once, also
 * those of guests that run.  exit_stats_leaf and exit_stats_log have no say in
 * them, and a guest keeps the leaf that its VM was created with.
 */
#include "exit_stats.h"

#define NR_CALLS	50
#define NR_FLIPS	4
#define NR_POLLS	10

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;
static int nr_vcpus = 1;

/* Guest code. */

static struct es_snapshot before, after;
static struct es_regs info;
/* Of a run during which nothing is counted. */
static struct frozen {
	struct es_sample total, cpuid, calls;
} frozen[2];
static struct es_sample resumed;
static struct es_regs fresh_cpuid, fresh_next;

static bool stop;
static u64 nr_decreases, nr_strange;
static struct es_regs strange;

static void guest_calls(u64 n)
{
	while (n--)
		es_hypercall();
	ES_GUEST_DONE();
}

static void guest_snapshot(struct es_snapshot *s)
{
	es_take_snapshot(s, ES_VM);
	ES_GUEST_DONE();
}

static void guest_frozen(void)
{
	int i, j;

	info = es_read(ES_INFO, 0, 0);
	for (i = 0; i < 2; i++) {
		frozen[i].total = es_read_sample(ES_TOTAL, ES_VM, 0);
		frozen[i].cpuid = es_read_sample(ES_REASON, ES_VM, es_code(ES_CPUID));
		frozen[i].calls = es_read_sample(ES_REASON, ES_VM, es_code(ES_HYPERCALL));
		for (j = 0; j < NR_CALLS; j++)
			es_hypercall();
	}
	ES_GUEST_DONE();
}

static void guest_resumed(void)
{
	resumed = es_read_sample(ES_REASON, ES_VM, es_code(ES_CPUID));
	es_take_snapshot(&before, ES_VM);
	while (*es_my_reads() % NR_CALLS)
		es_read(ES_TOTAL, ES_VM, 0);
	es_take_snapshot(&after, ES_VM);
	ES_GUEST_DONE();
}

static void guest_fresh(void)
{
	fresh_cpuid = es_read(ES_REASON, ES_VCPU, es_code(ES_CPUID));
	fresh_next = es_read(ES_NEXT, ES_VCPU, 0);
	ES_GUEST_DONE();
}

/* Neither counts nor cycles ever go backwards, whatever the host switches. */
static void guest_poll_total(void)
{
	struct es_sample last = {}, now;
	int i;

	while (!READ_ONCE(stop)) {
		for (i = 0; i < NR_POLLS; i++) {
			now = es_read_sample(ES_TOTAL, ES_VM, 0);
			if (now.count < last.count || now.cycles < last.cycles)
				nr_decreases++;
			last = now;
		}
		ES_GUEST_SYNC();
	}
	ES_GUEST_DONE();
}

static void guest_poll_info(void)
{
	struct es_regs r;
	int i;

	while (!READ_ONCE(stop)) {
		for (i = 0; i < NR_POLLS; i++) {
			r = es_read(ES_INFO, 0, 0);
			if (r.eax != ES_INFO_EAX) {
				nr_strange++;
				strange = r;
			}
		}
		ES_GUEST_SYNC();
	}
	ES_GUEST_DONE();
}

/* Host code. */

static void run_snapshot(struct es_snapshot *s)
{
	es_run(vcpu, guest_snapshot, (uintptr_t)s, 0);
	*s = *(struct es_snapshot *)addr_gva2hva(vm, (uintptr_t)s);
}

/* Reads so far on vCPU 0. */
static u64 nr_reads(void)
{
	return (*es_guest(vm, es_reads))[0];
}

static void test_params(void)
{
	static const char *const paths[] = { ES_PARAM_ACCOUNT, ES_PARAM_LEAF, ES_PARAM_LOG };
	int i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		char value[32];
		bool was_on;

		if (es_get_param(paths[i], value, sizeof(value)) < 0) {
			ES_EXPECT(false, "Expected a parameter %s, got none", paths[i]);
			continue;
		}
		was_on = value[0] == 'Y';
		es_set_param(paths[i], was_on ? "N" : "Y");
		ES_EXPECT(es_param_is_on(paths[i]) == !was_on, "Expected %s to be %c, got %c",
			  paths[i], "NY"[!was_on], "NY"[es_param_is_on(paths[i])]);
		es_set_param(paths[i], was_on ? "Y" : "N");
		ES_EXPECT(es_param_is_on(paths[i]) == was_on, "Expected %s to be %c, got %c",
			  paths[i], "NY"[was_on], "NY"[es_param_is_on(paths[i])]);
	}
}

/*
 * With accounting off the leaf answers, and the counters stand still where the
 * last exit left them.  They go on from there, with the very first exit.
 */
static void test_account(void)
{
	u64 expected, counted;

	run_snapshot(&before);
	expected = es_count_of(&before, ES_CPUID) + nr_reads() - before.reads;

	es_set_param(ES_PARAM_ACCOUNT, "N");
	es_run(vcpu, guest_frozen, 0, 0);
	ES_FETCH(vm, frozen);
	ES_FETCH(vm, info);

	ES_EXPECT(es_same(info, es_info[0]), "Off: expected INFO " ES_FMT ", got " ES_FMT,
		  ES_ARGS(es_info[0]), ES_ARGS(info));
	ES_EXPECT(frozen[0].cpuid.count == expected,
		  "Off: expected %lu CPUID exits as before, got %lu", expected,
		  frozen[0].cpuid.count);
	ES_EXPECT(frozen[0].calls.count == es_count_of(&before, ES_HYPERCALL),
		  "Off: expected %lu hypercalls as before, got %lu",
		  es_count_of(&before, ES_HYPERCALL), frozen[0].calls.count);
	ES_EXPECT(!memcmp(&frozen[0], &frozen[1], sizeof(frozen[0])),
		  "Off: expected %lu exits and %lu cycles, still, got %lu and %lu",
		  frozen[0].total.count, frozen[0].total.cycles, frozen[1].total.count,
		  frozen[1].total.cycles);

	es_set_param(ES_PARAM_ACCOUNT, "Y");
	es_run(vcpu, guest_resumed, 0, 0);
	ES_FETCH(vm, resumed);
	ES_FETCH(vm, before);
	ES_FETCH(vm, after);

	ES_EXPECT(resumed.count == frozen[1].cpuid.count + 1,
		  "On again: expected %lu CPUID exits, got %lu", frozen[1].cpuid.count + 1,
		  resumed.count);
	es_check_sum(&before);
	es_check_sum(&after);
	counted = es_count_of(&after, ES_CPUID) - es_count_of(&before, ES_CPUID);
	ES_EXPECT(counted == after.reads - before.reads,
		  "On again: expected %lu more CPUID exits, got %lu",
		  after.reads - before.reads, counted);
	ES_EXPECT(es_count_of(&after, ES_HYPERCALL) == frozen[1].calls.count,
		  "On again: expected %lu hypercalls as before, got %lu",
		  frozen[1].calls.count, es_count_of(&after, ES_HYPERCALL));
}

/* A vCPU that was created meanwhile starts at 0 and counts as any other. */
static void test_vcpu_while_off(void)
{
	struct kvm_vcpu *added;

	es_set_param(ES_PARAM_ACCOUNT, "N");
	added = es_add_vcpu(vm, nr_vcpus++);
	es_run(added, guest_fresh, 0, 0);
	ES_FETCH(vm, fresh_cpuid);
	ES_FETCH(vm, fresh_next);
	ES_EXPECT(es_same(fresh_cpuid, es_zeros),
		  "Off: expected CPUID exits of four zeros, got " ES_FMT, ES_ARGS(fresh_cpuid));
	/* With nothing left, NEXT is the error. */
	ES_EXPECT(es_same(fresh_next, es_error), "Off: expected NEXT " ES_FMT ", got " ES_FMT,
		  ES_ARGS(es_error), ES_ARGS(fresh_next));

	es_set_param(ES_PARAM_ACCOUNT, "Y");
	es_run(added, guest_fresh, 0, 0);
	ES_FETCH(vm, fresh_cpuid);
	ES_FETCH(vm, fresh_next);
	/* Exits that were not counted leave no cycles either. */
	ES_EXPECT(es_pair_a(fresh_cpuid) == 1 && es_pair_b(fresh_cpuid) == 0,
		  "On: expected 1 CPUID exit and 0 cycles, got %lu and %lu",
		  es_pair_a(fresh_cpuid), es_pair_b(fresh_cpuid));
	ES_EXPECT(!fresh_next.edx, "On: expected NEXT to name a reason, got " ES_FMT,
		  ES_ARGS(fresh_next));
}

/* What is shown and what is logged does not change what is counted. */
static void test_no_say(const char *path)
{
	u64 expected, calls;

	run_snapshot(&before);
	es_set_param(path, "N");
	es_run(vcpu, guest_calls, NR_CALLS, 0);
	es_set_param(path, "Y");
	run_snapshot(&after);

	expected = es_count_of(&before, ES_HYPERCALL) + NR_CALLS;
	calls = es_count_of(&after, ES_HYPERCALL);
	ES_EXPECT(calls == expected, "Expected %lu hypercalls, got %lu", expected, calls);
	es_check_sum(&after);
}

static void test_leaf(void)
{
	test_no_say(ES_PARAM_LEAF);
}

static void test_log(void)
{
	if (access(ES_PARAM_LOG, F_OK))
		ES_SKIP("%s is missing", ES_PARAM_LOG);
	test_no_say(ES_PARAM_LOG);
}

/* Flip @path while @guest polls, at least NR_POLLS times in each state. */
static void flip(const char *path, void *guest)
{
	struct es_job job = { vcpu, guest };
	int i;

	*es_guest(vm, stop) = false;
	es_spawn(&job);
	for (i = 0; i < 2 * NR_FLIPS; i++) {
		es_wait_synced();
		es_set_param(path, i & 1 ? "Y" : "N");
	}
	WRITE_ONCE(*es_guest(vm, stop), true);
	es_join(&job);
}

static void test_flip_account(void)
{
	flip(ES_PARAM_ACCOUNT, guest_poll_total);
	ES_FETCH(vm, nr_decreases);
	ES_EXPECT(!nr_decreases, "Expected TOTAL never to decrease, got %lu times", nr_decreases);

	run_snapshot(&after);
	es_check_sum(&after);
}

static void test_flip_log(void)
{
	u64 counted;

	if (access(ES_PARAM_LOG, F_OK))
		ES_SKIP("%s is missing", ES_PARAM_LOG);

	run_snapshot(&before);
	flip(ES_PARAM_LOG, guest_poll_total);
	run_snapshot(&after);
	es_check_sum(&after);
	counted = es_count_of(&after, ES_CPUID) - es_count_of(&before, ES_CPUID);
	ES_EXPECT(counted == after.reads - before.reads, "Expected %lu more CPUID exits, got %lu",
		  after.reads - before.reads, counted);
}

static void test_flip_leaf(void)
{
	flip(ES_PARAM_LEAF, guest_poll_info);
	ES_FETCH(vm, nr_strange);
	ES_FETCH(vm, strange);
	ES_EXPECT(!nr_strange, "Expected INFO " ES_FMT ", got " ES_FMT " and %lu more",
		  ES_ARGS(es_info[0]), ES_ARGS(strange), nr_strange - 1);
}

static const struct es_case cases[] = {
	{ "parameters can be read and written", test_params },
	{ "exit_stats off and on", test_account },
	{ "exit_stats off when a vCPU is created", test_vcpu_while_off },
	{ "exit_stats_leaf does not change what is counted", test_leaf },
	{ "exit_stats_log does not change what is counted", test_log },
	{ "exit_stats flipped while a guest runs", test_flip_account },
	{ "exit_stats_leaf flipped while a guest runs", test_flip_leaf },
	{ "exit_stats_log flipped while a guest runs", test_flip_log },
};

int main(int argc, char *argv[])
{
	es_start();
	vm = es_create_vm(1, &vcpu);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
