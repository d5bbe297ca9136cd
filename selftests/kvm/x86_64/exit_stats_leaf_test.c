// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every input of the leaf has a defined answer.  es_expected_answer() says which;
 * the cases are sets of inputs.
 */
#include "exit_stats.h"

#define MAX_PROBES	1024
#define NR_RANDOM	1000
/* Exits of the second vCPU alone, so that the scopes differ. */
#define NR_FOREIGN	20

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[2];

/* Guest code. */

static struct probe {
	u32 ecx;
	struct es_sample before, after;		/* TOTAL of the VM, if asked for */
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
		p->answer = es_read_selector(p->ecx);
		if (with_total)
			p->after = es_read_sample(ES_TOTAL, ES_VM, 0);
	}
	guest_snapshots(last);
	ES_GUEST_DONE();
}

static void guest_walk(void)
{
	struct es_regs r;
	int scope, i;
	u32 from;

	guest_snapshots(first);
	for (scope = 0; scope < ES_NR_SCOPES; scope++) {
		for (from = 0, i = 0; i < ES_MAX_REASONS; from = r.eax + 1, i++) {
			/* From behind the largest, there is nowhere to go. */
			r = from < ES_MAX_CODES ? es_read(ES_NEXT, scope, from) : es_error;
			if (r.edx)
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

	wide[0] = garbage | KVM_CPUID_EXIT_STATS;
	wide[1] = garbage;
	wide[2] = garbage | ES_SELECTOR(ES_INFO, 0, 0);
	wide[3] = garbage;
	asm volatile("cpuid" : "+a"(wide[0]), "+b"(wide[1]), "+c"(wide[2]), "+d"(wide[3]));
	ES_GUEST_DONE();
}

/* Host code: is it so? */

/* The smallest reason >= @from whose count is not 0, or the error. */
static struct es_regs expected_next(const struct es_snapshot *s, u16 from)
{
	int i;

	/* They are in the order of their codes. */
	for (i = 0; i < es_isa()->nr_reasons; i++)
		if (s->reason[i].count && es_code_of(i) >= from)
			return (struct es_regs){ .eax = es_code_of(i) };

	return es_error;
}

#define EXPECT_ANSWER(cond, fmt, ...)						\
	ES_EXPECT(cond, "ECX %#x: expected " fmt ", got " ES_FMT, p->ecx,	\
		  ##__VA_ARGS__, ES_ARGS(p->answer))

/* What a reason's count is part of, and what it is if the reason has none. */
static void check_reason(const struct probe *p, bool exact)
{
	enum es_scope scope = es_scope_of(p->ecx);
	int i = es_find_reason(es_reason_of(p->ecx));
	const struct es_sample *low = &first[scope].reason[i], *high = &last[scope].reason[i];
	struct es_sample got = es_sample(p->answer);

	if (!high->count) {
		/* A code that nobody has named yet is an error until it happens. */
		EXPECT_ANSWER(es_same(p->answer, es_names[i] ? es_zeros : es_error), "%s",
			      es_names[i] ? "four zeros" : "the error");
		return;
	}
	if (!es_names[i] && !low->count && es_same(p->answer, es_error))
		return;

	EXPECT_ANSWER(got.count <= high->count, "at most %lu exits", high->count);
	if (es_view_of(p->ecx) == ES_HIST)
		EXPECT_ANSWER(got.cycles <= high->count, "at most %lu exits", high->count);
	if (exact)
		EXPECT_ANSWER(low->count <= got.count && low->cycles <= got.cycles &&
			      got.cycles <= high->cycles, "%lu..%lu exits and %lu..%lu cycles",
			      low->count, high->count, low->cycles, high->cycles);
}

static void check_total(const struct probe *p)
{
	bool of_vcpu = es_scope_of(p->ecx) == ES_VCPU;
	const struct es_sample *low = of_vcpu ? &first[ES_VCPU].total : &p->before;
	const struct es_sample *high = of_vcpu ? &last[ES_VCPU].total : &p->after;
	struct es_sample got = es_sample(p->answer);

	EXPECT_ANSWER(low->count < got.count && got.count < high->count,
		      "TOTAL, %lu < exits < %lu", low->count, high->count);
	EXPECT_ANSWER(low->cycles < got.cycles && got.cycles < high->cycles,
		      "TOTAL, %lu < cycles < %lu", low->cycles, high->cycles);
}

static void check_probe(const struct probe *p)
{
	enum es_scope scope = es_scope_of(p->ecx);
	u8 index = es_index_of(p->ecx);
	struct es_regs next[2];

	switch (es_expected_answer(p->ecx)) {
	case ES_ANSWER_ERROR:
		EXPECT_ANSWER(es_same(p->answer, es_error), "the error");
		break;
	case ES_ANSWER_TOTAL:
		check_total(p);
		break;
	case ES_ANSWER_INFO:
		EXPECT_ANSWER(es_same(p->answer, es_info[index]), ES_FMT, ES_ARGS(es_info[index]));
		break;
	case ES_ANSWER_AGE:
		EXPECT_ANSWER(es_pair_a(p->answer) > es_pair_a(es_info[index]) &&
			      es_pair_b(p->answer) == es_pair_b(es_info[index]),
			      "an age of more than %lu, and generation %#lx",
			      es_pair_a(es_info[index]), es_pair_b(es_info[index]));
		break;
	case ES_ANSWER_REASON:
		check_reason(p, true);
		break;
	case ES_ANSWER_PART:
		check_reason(p, false);
		break;
	case ES_ANSWER_NEXT:
		/* A reason may have happened for the first time meanwhile. */
		next[0] = expected_next(&first[scope], es_reason_of(p->ecx));
		next[1] = expected_next(&last[scope], es_reason_of(p->ecx));
		EXPECT_ANSWER(es_same(p->answer, next[0]) || es_same(p->answer, next[1]),
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
	ES_FETCH(vm, probes);
	ES_FETCH(vm, first);
	ES_FETCH(vm, last);

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
	probe_ecx(ES_SELECTOR(view, index, reason));
}

static void test_reasons(u8 view, int nr_indices)
{
	int index, reason;

	want_total = false;
	for (index = 0; index < nr_indices; index++)
		for (reason = 0; reason < ES_MAX_CODES; reason++)
			probe(view, index, reason);
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
	test_reasons(ES_AWAY, ES_NR_SCOPES);
}

/* One index with all reasons; test_indices() has all indices. */
static void test_hist(void)
{
	test_reasons(ES_HIST, 1);
}

/* Every view, every scope or index of it, defined or not. */
static void test_indices(void)
{
	static const u16 reasons[] = {
		0, 1, 5, 0xa, 0x7f, 0x80, 0xaf, 0xb0, 0x3ff, 0x400, 0x40f, 0x410, 0x7fe,
		KVM_EXIT_STATS_REASON_OTHER,
	};
	int view, index;

	want_total = true;
	for (view = 0; view < ES_MAX_VIEWS; view++) {
		for (index = 0; index < ES_MAX_INDICES; index++) {
			probe(view, index, es_code(ES_HYPERCALL));
			probe(view, index, reasons[index % ARRAY_SIZE(reasons)]);
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

/*
 * A client that knows nothing of the magic number has anything in ECX: as the
 * compiler left it, a leaf's usual 0, half of an address.  It reads TOTAL.
 */
static void test_without_magic(void)
{
	u32 ecx;
	int i;

	want_total = true;
	for (i = 0; i < 256 + NR_RANDOM; i++) {
		ecx = random_u32();
		/* Each top byte once. */
		if (i < 256)
			ecx = (u32)i << 24 | ecx >> 8;
		if (es_has_magic(ecx))
			ecx ^= 1u << KVM_EXIT_STATS_MAGIC_SHIFT;
		probe_ecx(ecx);
	}
	flush_probes();
}

static void test_random(void)
{
	int i;

	want_total = true;
	for (i = 0; i < NR_RANDOM; i++)
		probe_ecx(ES_SELECTOR(0, 0, 0) | random_u32() >> 12);
	flush_probes();
}

/* EAX and ECX are the inputs; the upper halves of all outputs are 0. */
static void test_wide(void)
{
	struct es_regs r;
	int i;

	es_run(vcpus[0], guest_wide, 0, 0);
	ES_FETCH(vm, wide);

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
	ES_FETCH(vm, walk);
	ES_FETCH(vm, walk_len);
	ES_FETCH(vm, walk_end);
	ES_FETCH(vm, first);
	ES_FETCH(vm, last);

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
	{ "every index of every view", test_indices },
	{ "TOTAL for whoever does not know the magic number", test_without_magic },
	{ "random input with the magic number", test_random },
	{ "the upper halves of registers", test_wide },
};

int main(int argc, char *argv[])
{
	es_start();
	vm = es_create_vm(2, vcpus);
	es_run(vcpus[1], guest_hypercalls, NR_FOREIGN, 0);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
