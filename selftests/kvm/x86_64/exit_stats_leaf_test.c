// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every input of the leaf has a defined answer.  es_expected_answer() says which;
 * the cases are sets of inputs.
 *
 * Not every reason is tried: all to 0x4ff, where those of VMX and SVM lie, and
 * the neighbours of the powers of two from there.  Option -a tries all 2^16.
 */
#include <getopt.h>

#include "exit_stats.h"

#define MAX_PROBES	1024
#define NR_RANDOM	1000
/* Exits of the second vCPU alone, so that the scopes differ. */
#define NR_FOREIGN	20

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[2];
static bool all_reasons;

/* Guest code. */

static struct probe {
	u32 ecx;
	struct es_sample before, after;		/* TOTAL, if asked for */
	struct es_regs answer;
} probes[MAX_PROBES];
static struct es_snapshot first[ES_NR_SCOPES], last[ES_NR_SCOPES];

static u16 walk[ES_NR_SCOPES][ES_MAX_REASONS];
static int walk_len[ES_NR_SCOPES];
static struct es_regs walk_end[ES_NR_SCOPES];

static u64 wide[4];

static void guest_hypercalls(u64 n)
{
	while (n--)
		es_hypercall();
	ES_GUEST_DONE();
}

static void guest_snapshots(struct es_snapshot s[ES_NR_SCOPES])
{
	es_take_snapshot(&s[ES_VM], ES_VM);
	es_take_snapshot(&s[ES_VCPU], ES_VCPU);
}

static void guest_probe(u64 nr, bool with_total)
{
	struct probe *p;

	guest_snapshots(first);
	for (p = probes; p < probes + nr; p++) {
		if (with_total)
			p->before = es_read_sample(ES_TOTAL, ES_VM, 0);
		p->answer = es_read(p->ecx >> 24, p->ecx >> 16, p->ecx);
		if (with_total)
			p->after = es_read_sample(ES_TOTAL, ES_VM, 0);
	}
	guest_snapshots(last);
	ES_GUEST_DONE();
}

static void guest_walk(void)
{
	struct es_regs r;
	u32 from;
	int scope, i;

	guest_snapshots(first);
	for (scope = 0; scope < ES_NR_SCOPES; scope++) {
		for (from = 0, i = 0; i < ES_MAX_REASONS; from = r.eax + 1, i++) {
			r = es_read(ES_NEXT, scope, from);
			if (r.edx || from > 0xffff)
				break;
			walk[scope][i] = r.eax;
		}
		walk_len[scope] = i;
		walk_end[scope] = r;
	}
	guest_snapshots(last);
	ES_GUEST_DONE();
}

static void guest_wide(void)
{
	u64 garbage = 0xdeadbeefull << 32;

	wide[0] = garbage | EXIT_STATS_LEAF;
	wide[1] = garbage;
	wide[2] = garbage | es_input(ES_INFO, 0, 0);
	wide[3] = garbage;
	asm volatile("cpuid" : "+a"(wide[0]), "+b"(wide[1]), "+c"(wide[2]), "+d"(wide[3]));
	ES_GUEST_DONE();
}

/* Host code: is it so? */

/* The smallest reason >= @from whose count is not 0, or the error. */
static struct es_regs expected_next(const struct es_snapshot *s, u16 from)
{
	const struct es_isa *isa = es_isa();
	u32 next = UINT32_MAX;
	int i;

	for (i = 0; i < isa->nr_reasons; i++)
		if (s->reason[i].count && isa->reasons[i].code >= from)
			next = min(next, isa->reasons[i].code);

	return next <= 0xffff ? (struct es_regs){ .eax = next } : es_error;
}

#define EXPECT_ANSWER(cond, fmt, ...)						\
	ES_EXPECT(cond, "View %#x, index %#x, reason %#x: expected " fmt	\
		  ", got " ES_FMT, view, index, reason, ##__VA_ARGS__, ES_ARGS(answer))

static void check_probe(const struct probe *p)
{
	u8 view = p->ecx >> 24, index = p->ecx >> 16;
	u16 reason = p->ecx;
	struct es_regs answer = p->answer;
	u64 a = es_pair_a(answer), b = es_pair_b(answer);
	const struct es_snapshot *low, *high;
	struct es_regs next[2];
	int i;

	switch (es_expected_answer(view, index, reason)) {
	case ES_ANSWER_ERROR:
		EXPECT_ANSWER(es_same(answer, es_error), "the error " ES_FMT, ES_ARGS(es_error));
		break;
	case ES_ANSWER_TOTAL_VM:
		EXPECT_ANSWER(p->before.count < a && a < p->after.count,
			      "TOTAL, %lu < exits < %lu", p->before.count, p->after.count);
		EXPECT_ANSWER(p->before.cycles < b && b < p->after.cycles,
			      "TOTAL, %lu < cycles < %lu", p->before.cycles, p->after.cycles);
		break;
	case ES_ANSWER_TOTAL_VCPU:
		low = &first[ES_VCPU];
		high = &last[ES_VCPU];
		EXPECT_ANSWER(low->total.count < a && a < high->total.count,
			      "%lu < exits < %lu", low->total.count, high->total.count);
		EXPECT_ANSWER(low->total.cycles < b && b < high->total.cycles,
			      "%lu < cycles < %lu", low->total.cycles, high->total.cycles);
		break;
	case ES_ANSWER_INFO:
		EXPECT_ANSWER(es_same(answer, es_info[index]), ES_FMT, ES_ARGS(es_info[index]));
		break;
	case ES_ANSWER_REASON:
		/* Four zeros if it never happened, and never the error. */
		EXPECT_ANSWER(!answer.edx, "EDX = 0");
		i = es_find_reason(reason);
		low = &first[index];
		high = &last[index];
		EXPECT_ANSWER(low->reason[i].count <= a && a <= high->reason[i].count,
			      "%lu..%lu exits", low->reason[i].count, high->reason[i].count);
		EXPECT_ANSWER(low->reason[i].cycles <= b && b <= high->reason[i].cycles,
			      "%lu..%lu cycles", low->reason[i].cycles, high->reason[i].cycles);
		break;
	case ES_ANSWER_PART:
		EXPECT_ANSWER(!answer.edx, "EDX = 0");
		i = es_find_reason(reason);
		high = &last[view == ES_AWAY ? index : ES_VM];
		EXPECT_ANSWER(a <= high->reason[i].count, "no more than %lu exits",
			      high->reason[i].count);
		if (!high->reason[i].count)
			EXPECT_ANSWER(es_same(answer, es_zeros), "four zeros");
		if (view == ES_HIST)
			EXPECT_ANSWER(b <= high->reason[i].count, "no more than %lu exits",
				      high->reason[i].count);
		break;
	case ES_ANSWER_NEXT:
		/* A reason may have happened for the first time meanwhile. */
		next[0] = expected_next(&first[index], reason);
		next[1] = expected_next(&last[index], reason);
		EXPECT_ANSWER(es_same(answer, next[0]) || es_same(answer, next[1]),
			      ES_FMT, ES_ARGS(next[1]));
		break;
	}
}

/* Host code: sets of inputs, run as they fill up. */

static int nr_probes;
static bool want_total;

static void flush_probes(void)
{
	int i;

	if (!nr_probes)
		return;

	memcpy(es_guest(vm, probes), probes, nr_probes * sizeof(*probes));
	es_run(vcpus[0], guest_probe, nr_probes, want_total);
	memcpy(probes, es_guest(vm, probes), nr_probes * sizeof(*probes));
	memcpy(first, es_guest(vm, first), sizeof(first));
	memcpy(last, es_guest(vm, last), sizeof(last));

	for (i = 0; i < ES_NR_SCOPES; i++) {
		es_check_sum(&first[i]);
		es_check_sum(&last[i]);
	}
	for (i = 0; i < nr_probes; i++)
		check_probe(&probes[i]);
	nr_probes = 0;
}

static void probe_ecx(u32 ecx)
{
	probes[nr_probes++] = (struct probe){ .ecx = ecx };
	if (nr_probes == MAX_PROBES)
		flush_probes();
}

static void probe(u8 view, u8 index, u16 reason)
{
	probe_ecx(es_input(view, index, reason));
}

static bool is_worth_a_try(u32 reason)
{
	u32 near = reason + 1;

	return all_reasons || reason < 0x500 || !(near & (near - 1)) ||
	       !(reason & (reason - 1)) || !((reason - 1) & (reason - 2));
}

static void probe_reasons(u8 view, u8 index)
{
	u32 reason;

	for (reason = 0; reason <= 0xffff; reason++)
		if (is_worth_a_try(reason))
			probe(view, index, reason);
}

static void test_reasons(u8 view, int nr_indices)
{
	int index;

	want_total = false;
	for (index = 0; index < nr_indices; index++)
		probe_reasons(view, index);
	flush_probes();
}

static void test_reason(void)
{
	test_reasons(ES_REASON, ES_NR_SCOPES);
}

static void test_next(void)
{
	test_reasons(ES_NEXT, ES_NR_SCOPES);
}

static void test_away(void)
{
	if (!es_has_view(ES_AWAY))
		ES_SKIP("INFO says there is no view AWAY");
	test_reasons(ES_AWAY, ES_NR_SCOPES);
}

static void test_hist(void)
{
	if (!es_has_view(ES_HIST))
		ES_SKIP("INFO says there is no view HIST");
	/* One index with all reasons; test_indices() has all indices. */
	test_reasons(ES_HIST, 1);
}

static const u32 sample_reasons[] = {
	0, 1, 5, 0xb, 0x400, 0x404, 0x4ff, 0xfffe, 0xffff,
};

static const u8 sample_views[] = {
	ES_TOTAL, ES_INFO, ES_REASON, ES_AWAY, ES_HIST, ES_NEXT,
	/* These are TOTAL of the VM, even if the index says it is of the vCPU. */
	6, 7, 0x0f, 0x10, 0x7f, 0x80, 0xff,
};

/* Scopes, buckets, and what is neither. */
static bool is_index_worth_a_try(int index)
{
	return index <= 0x21 || (index >= 0x7f && index <= 0x81) || index >= 0xfe;
}

static void test_indices(void)
{
	int v, index, i;

	want_total = true;
	for (v = 0; v < ARRAY_SIZE(sample_views); v++) {
		for (index = 0; index <= 0xff; index++) {
			if (!is_index_worth_a_try(index))
				continue;
			probe(sample_views[v], index, es_code(ES_HYPERCALL));
			i = index % ARRAY_SIZE(sample_reasons);
			probe(sample_views[v], index, sample_reasons[i]);
		}
	}
	flush_probes();
}

static u32 random_u32(void)
{
	static u32 x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void test_random(void)
{
	u32 r;
	int i;

	want_total = true;
	for (i = 0; i < NR_RANDOM; i++) {
		r = random_u32();
		/* Few of all inputs have an answer of their own. */
		probe_ecx(i & 1 ? r : r & 0x071f04ff);
	}
	flush_probes();
}

/* EAX and ECX are the inputs; the upper halves of all outputs are 0. */
static void test_wide(void)
{
	struct es_regs r;
	int i;

	es_run(vcpus[0], guest_wide, 0, 0);
	memcpy(wide, es_guest(vm, wide), sizeof(wide));

	for (i = 0; i < 4; i++)
		ES_EXPECT(wide[i] <= UINT32_MAX,
			  "Expected 0 in the upper half of R%cX, got %#lx", "ABCD"[i], wide[i]);

	r = (struct es_regs){ wide[0], wide[1], wide[2], wide[3] };
	ES_EXPECT(es_same(r, es_info[0]), "Expected INFO " ES_FMT ", got " ES_FMT,
		  ES_ARGS(es_info[0]), ES_ARGS(r));
}

static void check_walk(int scope)
{
	u32 from = 0;
	struct es_regs next[2];
	int i;

	for (i = 0; i < walk_len[scope]; i++) {
		next[0] = expected_next(&first[scope], from);
		next[1] = expected_next(&last[scope], from);
		ES_EXPECT(walk[scope][i] == next[0].eax || walk[scope][i] == next[1].eax,
			  "Scope %d: expected %#x (%s) after %#x, got %#x", scope,
			  next[1].eax, es_name(next[1].eax), from, walk[scope][i]);
		from = walk[scope][i] + 1;
	}

	next[0] = expected_next(&first[scope], from);
	next[1] = expected_next(&last[scope], from);
	ES_EXPECT(es_same(walk_end[scope], es_error) &&
		  (es_same(next[0], es_error) || es_same(next[1], es_error)),
		  "Scope %d: expected " ES_FMT " after %d reasons, got " ES_FMT, scope,
		  ES_ARGS(next[1]), walk_len[scope], ES_ARGS(walk_end[scope]));
	ES_EXPECT(walk_len[scope] > 0, "Scope %d: expected some reasons, got none", scope);
}

static bool walk_has(int scope, u16 reason)
{
	int i;

	for (i = 0; i < walk_len[scope]; i++)
		if (walk[scope][i] == reason)
			return true;
	return false;
}

/* NEXT enumerates exactly the reasons that happened, and ends with the error. */
static void test_walk(void)
{
	int scope;

	es_run(vcpus[0], guest_walk, 0, 0);
	memcpy(walk, es_guest(vm, walk), sizeof(walk));
	memcpy(walk_len, es_guest(vm, walk_len), sizeof(walk_len));
	memcpy(walk_end, es_guest(vm, walk_end), sizeof(walk_end));
	memcpy(first, es_guest(vm, first), sizeof(first));
	memcpy(last, es_guest(vm, last), sizeof(last));

	for (scope = 0; scope < ES_NR_SCOPES; scope++)
		check_walk(scope);

	/* Only the other vCPU made hypercalls. */
	ES_EXPECT(walk_has(ES_VM, es_code(ES_HYPERCALL)),
		  "Expected NEXT to name the VM's hypercalls, got nothing");
	ES_EXPECT(!walk_has(ES_VCPU, es_code(ES_HYPERCALL)),
		  "Expected no hypercalls of this vCPU, but NEXT names them");
}

static const struct es_case cases[] = {
	{ "REASON: every reason, defined or not", test_reason },
	{ "AWAY: every reason, defined or not", test_away },
	{ "HIST: every reason, defined or not", test_hist },
	{ "NEXT: from every start", test_next },
	{ "NEXT: a walk names the reasons that happened, in order", test_walk },
	{ "every scope and index of every view", test_indices },
	{ "random input", test_random },
	{ "the upper halves of registers", test_wide },
};

int main(int argc, char *argv[])
{
	int opt;

	while ((opt = getopt(argc, argv, "a")) != -1) {
		TEST_ASSERT(opt == 'a', "Usage: %s [-a]", argv[0]);
		all_reasons = true;
	}

	es_start();
	vm = es_create_vm(2, vcpus);
	es_run(vcpus[1], guest_hypercalls, NR_FOREIGN, 0);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
