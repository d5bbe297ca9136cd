// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random input of the leaf and of its neighbours, from every mode of the CPU
 * and through KVM's emulator, on several vCPUs at once.  Whatever the input, the
 * contract says what the answer must be, or between which two values; a stale
 * value or a register that was forgotten lies outside.
 *
 * A failure prints its input.  The same seed makes each vCPU try the same inputs
 * in the same order.
 */
#include <getopt.h>

#include "exit_stats_modes.h"

#define MAX_BATCH	256

/* Where real mode, with a limit of 64 KiB, reaches all that a vCPU needs. */
#define REGION_GPA	0x10000000ull
#define REGION_SIZE	0x10000
#define REGION_SLOT	10
#define RECORDS		0x1000

static u64 seed = 1;
static u64 nr_combinations = 10000;
static int nr_vcpus = 3;
/* Off: make the load, on any KVM, and do not look at the answers. */
static bool checks = true;

static struct kvm_vm *vm;
static bool have_fep;
static u64 start_tsc;

/* Guest code: the same for every mode, assembled three times. */

static struct record {
	u64 in[4], out[4];	/* RAX, RBX, RCX, RDX; in short modes the lower halves */
	u64 emulate;
} *records[ES_MAX_VCPUS];

static_assert(offsetof(struct record, out) == 32, "fuzz_loop");
static_assert(offsetof(struct record, emulate) == 64, "fuzz_loop");
static_assert(sizeof(struct record) == 72, "fuzz_loop");
static_assert(MAX_BATCH * sizeof(struct record) + RECORDS <= REGION_SIZE, "MAX_BATCH");

asm(".macro fuzz_loop a, b, c, d, record\n"
	"1:	mov (\\record), \\a\n"
	"	mov 8(\\record), \\b\n"
	"	mov 16(\\record), \\c\n"
	"	mov 24(\\record), \\d\n"
	"	testb $1, 64(\\record)\n"
	"	jnz 2f\n"
	"	cpuid\n"
	"	jmp 3f\n"
	"2:	" ES_FEP "cpuid\n"
	"3:	mov \\a, 32(\\record)\n"
	"	mov \\b, 40(\\record)\n"
	"	mov \\c, 48(\\record)\n"
	"	mov \\d, 56(\\record)\n"
	"	add $72, \\record\n"
	"	dec %edi\n"
	"	jnz 1b\n"
	"	mov $" __stringify(ES_DONE_PORT) ", %edx\n"
	"	out %al, (%dx)\n"
	".endm\n"
	".pushsection .rodata\n"
	".code16\n"
	"fuzz_16:	fuzz_loop %eax, %ebx, %ecx, %edx, %esi\n"
	".code32\n"
	"fuzz_32:	fuzz_loop %eax, %ebx, %ecx, %edx, %esi\n"
	".code64\n"
	"fuzz_64:	fuzz_loop %rax, %rbx, %rcx, %rdx, %rsi\n"
	"fuzz_end:\n"
	".popsection\n");

typedef void guest_code(void);

guest_code fuzz_16, fuzz_32, fuzz_64, fuzz_end;

/* Host code. */

static struct mode {
	const char *name;
	guest_code *code;
	u64 nr, nr_emulated, nr_failed;
} modes[ES_NR_MODES] = {
	[ES_REAL]	 = { "real mode", fuzz_16 },
	[ES_KERNEL_32]	 = { "protected mode, ring 0", fuzz_32 },
	[ES_USER_32]	 = { "protected mode, ring 3", fuzz_32 },
	[ES_USER_COMPAT] = { "compatibility mode, ring 3", fuzz_32 },
	[ES_KERNEL_LONG] = { "long mode, ring 0", fuzz_64 },
	[ES_USER_LONG]	 = { "long mode, ring 3", fuzz_64 },
};

/* What the host sees of the counters. */
struct bounds {
	struct es_sample reason[ES_MAX_REASONS];
	struct es_sample total;
};

static struct fuzzer {
	struct kvm_vcpu *vcpu;
	pthread_t thread;
	u64 random;
	u8 *region;
	struct kvm_sregs long_sregs;
	struct kvm_cpuid2 *cpuid;
	struct bounds before[ES_NR_SCOPES], after[ES_NR_SCOPES];
	/* What is being looked at. */
	const struct mode *mode;
	const struct record *record;
	struct es_regs answer;
	/* What was last read, by view, index and number of the reason. */
	struct es_sample last[ES_NR_VIEWS][ES_NR_HIST_INDICES][ES_MAX_REASONS];
} *fuzzers[ES_MAX_VCPUS];

static struct kvm_vcpu *vcpus[ES_MAX_VCPUS];
/* Of what fuzzers share: the figures in modes[], and es_fail(). */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* splitmix64: any seed will do. */
static u32 random_u32(struct fuzzer *f)
{
	u64 x = f->random += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x >> 32;
}

static u32 below(struct fuzzer *f, u32 n)
{
	return random_u32(f) % n;
}

#define ANY_OF(f, array)	((array)[below(f, ARRAY_SIZE(array))])

static u32 random_leaf(struct fuzzer *f)
{
	static const u32 others[] = {
		ES_NEIGHBOUR, KVM_CPUID_EXIT_STATS + 1, KVM_CPUID_EXIT_STATS & 0xffff,
		KVM_CPUID_EXIT_STATS | BIT(31), KVM_CPUID_EXIT_STATS ^ BIT(30),
		0, 1, 2, 4, 7, 0xb, 0xd,
		0x40000000, 0x40000001, 0x4fffff00, 0x80000000, 0x80000001, 0xffffffff,
	};

	if (below(f, 16))
		return KVM_CPUID_EXIT_STATS;
	return below(f, 4) ? ANY_OF(f, others) : random_u32(f);
}

/* Few of all selectors have an answer of their own, and errors begin at boundaries. */
static u32 random_selector(struct fuzzer *f)
{
	static const u16 reasons[] = {
		0, 1, 0x3f, 0x40, 0x7e, 0x7f, 0x80, 0xaf, 0xb0, 0xbf, 0xc0, 0xc1, 0xff, 0x100,
		0x3ff, 0x400, 0x40f, 0x410, 0x7fe, KVM_EXIT_STATS_REASON_OTHER,
	};
	u8 view, index;
	u16 reason;

	if (!below(f, 16))
		return random_u32(f);

	view = below(f, 8) ? below(f, ES_NR_VIEWS) : below(f, ES_MAX_VIEWS);

	if (!below(f, 8))
		index = below(f, ES_MAX_INDICES);
	else if (view == ES_HIST)
		index = below(f, ES_NR_HIST_INDICES);
	else
		index = below(f, ES_NR_SCOPES);

	switch (below(f, 8)) {
	case 0:
		reason = below(f, ES_MAX_CODES);
		break;
	case 1:
		reason = ANY_OF(f, reasons);
		break;
	case 2:
		reason = es_code(below(f, ES_NR_OPS));
		break;
	default:
		reason = es_code_of(below(f, es_isa()->nr_reasons));
		break;
	}
	return ES_SELECTOR(view, index, reason);
}

static u64 random_u64(struct fuzzer *f)
{
	return (u64)random_u32(f) << 32 | random_u32(f);
}

static void fill(struct fuzzer *f, struct record *r)
{
	int i;

	for (i = 0; i < 4; i++) {
		r->in[i] = random_u64(f);
		r->out[i] = random_u64(f);
	}
	r->in[0] = (r->in[0] & ~0xffffffffull) | random_leaf(f);
	r->in[2] = (r->in[2] & ~0xffffffffull) | random_selector(f);
	r->emulate = have_fep && !below(f, 8);
}

static void look(struct fuzzer *f, struct bounds bounds[ES_NR_SCOPES])
{
	struct es_binary_stats stats;
	int i, j, scope;

	memset(bounds, 0, ES_NR_SCOPES * sizeof(*bounds));
	for (i = 0; i < nr_vcpus; i++) {
		es_read_binary_stats(vcpus[i], &stats);
		for (scope = 0; scope < ES_NR_SCOPES; scope++) {
			if (scope == ES_VCPU && vcpus[i] != f->vcpu)
				continue;

			for (j = 0; j < es_isa()->nr_reasons; j++) {
				bounds[scope].reason[j].count += stats.exit_reasons[j];
				bounds[scope].reason[j].cycles += stats.exit_cycles[j];
				bounds[scope].total.count += stats.exit_reasons[j];
				bounds[scope].total.cycles += stats.exit_cycles[j];
			}
		}
	}
}

#define EXPECT(cond, fmt, ...)						\
	ES_EXPECT(cond, "EAX %#x, ECX %#x, %s%s: expected " fmt ", got " ES_FMT,	\
		  (u32)f->record->in[0], (u32)f->record->in[2], f->mode->name,	\
		  f->record->emulate ? ", emulated" : "", ##__VA_ARGS__,	\
		  ES_ARGS(f->answer))

static void check_never_less(struct fuzzer *f, struct es_sample *last)
{
	struct es_sample now = es_sample(f->answer);

	EXPECT(now.count >= last->count && now.cycles >= last->cycles,
	       "no less than what was read before, %#lx and %#lx", last->count, last->cycles);
	*last = now;
}

/* Within what the host saw before and after. */
static void check_between(struct fuzzer *f, const struct es_sample *low,
			  const struct es_sample *high)
{
	struct es_sample now = es_sample(f->answer);

	EXPECT(low->count <= now.count && now.count <= high->count &&
	       low->cycles <= now.cycles && now.cycles <= high->cycles,
	       "%#lx..%#lx exits and %#lx..%#lx cycles",
	       low->count, high->count, low->cycles, high->cycles);
}

/* NEXT names the first reason that has a count, of those that had one or got one. */
static void check_next(struct fuzzer *f, enum es_scope scope, u16 from)
{
	struct es_regs got = f->answer;
	u32 first = UINT32_MAX;
	int i = es_find_reason(got.eax), j;

	for (j = es_isa()->nr_reasons - 1; j >= 0; j--)
		if (es_code_of(j) >= from && f->before[scope].reason[j].count)
			first = es_code_of(j);

	if (first == UINT32_MAX && es_same(got, es_error))
		return;
	EXPECT(!got.ebx && !got.ecx && !got.edx && i >= 0 && got.eax >= from &&
	       got.eax <= first && f->after[scope].reason[i].count,
	       "a reason that happened, %#x or before", first);
}

/* No more exits than of the reason, and no more cycles than passed. */
static void check_part(struct fuzzer *f, bool is_hist, enum es_scope scope, u64 exits)
{
	u64 cycles = (rdtsc() - start_tsc) * (scope == ES_VM ? nr_vcpus : 1);
	u64 most = is_hist ? exits : cycles;

	EXPECT(es_pair_a(f->answer) <= exits && es_pair_b(f->answer) <= most,
	       "at most %#lx and %#lx", exits, most);
}

static void check_leaf(struct fuzzer *f)
{
	u32 selector = f->record->in[2];
	u8 view = es_view_of(selector), index = es_index_of(selector);
	enum es_answer kind = es_expected_answer(selector);
	enum es_scope scope = es_scope_of(selector);
	const struct bounds *low = &f->before[scope], *high = &f->after[scope];
	int i = es_find_reason(es_reason_of(selector));

	/* A reason that has not happened is four zeros if it has a name. */
	if (kind == ES_ANSWER_REASON || kind == ES_ANSWER_PART) {
		if (!high->reason[i].count) {
			EXPECT(es_same(f->answer, es_names[i] ? es_zeros : es_error), "%s",
			       es_names[i] ? "four zeros" : "the error");
			return;
		}
		if (!es_names[i] && !low->reason[i].count && es_same(f->answer, es_error))
			return;
	}

	switch (kind) {
	case ES_ANSWER_ERROR:
		EXPECT(es_same(f->answer, es_error), "the error");
		break;
	case ES_ANSWER_TOTAL:
		check_between(f, &low->total, &high->total);
		check_never_less(f, &f->last[ES_TOTAL][scope][0]);
		break;
	case ES_ANSWER_INFO:
		EXPECT(es_same(f->answer, es_info[index]), "INFO " ES_FMT,
		       ES_ARGS(es_info[index]));
		break;
	case ES_ANSWER_AGE:
		EXPECT(es_pair_b(f->answer) == es_pair_b(es_info[index]) &&
		       es_pair_a(f->answer) > es_pair_a(es_info[index]) &&
		       es_pair_a(f->answer) < rdtsc() - start_tsc,
		       "an age of more than %#lx, and generation %#lx",
		       es_pair_a(es_info[index]), es_pair_b(es_info[index]));
		check_never_less(f, &f->last[view][index][0]);
		break;
	case ES_ANSWER_REASON:
		check_between(f, &low->reason[i], &high->reason[i]);
		check_never_less(f, &f->last[view][index][i]);
		break;
	case ES_ANSWER_PART:
		check_part(f, view == ES_HIST, scope, high->reason[i].count);
		check_never_less(f, &f->last[view][index][i]);
		break;
	case ES_ANSWER_NEXT:
		check_next(f, scope, es_reason_of(selector));
		break;
	}
}

/*
 * Any other leaf is what userspace has set, or what KVM takes for those that are
 * out of range: zeros, or the highest basic leaf.
 */
static void check_other_leaf(struct fuzzer *f)
{
	u32 leaf = f->record->in[0], index = f->record->in[2], max_basic = 0, i;
	bool is_known = es_same(f->answer, es_zeros);
	const struct kvm_cpuid_entry2 *e;

	for (i = 0; i < f->cpuid->nent; i++)
		if (!f->cpuid->entries[i].function)
			max_basic = f->cpuid->entries[i].eax;

	/* KVM has a rule of its own for indices of these. */
	if (leaf == 0xb || leaf == 0x1f || max_basic == 0xb || max_basic == 0x1f)
		return;

	for (i = 0; i < f->cpuid->nent && !is_known; i++) {
		e = &f->cpuid->entries[i];
		if ((e->function == leaf || e->function == max_basic) &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			is_known = es_same(f->answer,
					   (struct es_regs){ e->eax, e->ebx, e->ecx, e->edx });
	}
	EXPECT(is_known, "that leaf, zeros, or the highest basic leaf %#x", max_basic);
}

static void check(struct fuzzer *f, enum es_mode mode, int nr)
{
	const struct record *r;
	int i;

	f->mode = &modes[mode];
	for (r = records[f->vcpu->id]; r < records[f->vcpu->id] + nr; r++) {
		f->record = r;
		f->answer = (struct es_regs){ r->out[0], r->out[1], r->out[2], r->out[3] };
		for (i = 0; es_mode_is_long(mode) && i < 4; i++)
			EXPECT(r->out[i] <= UINT32_MAX, "0 in the upper half of R%cX", "ABCD"[i]);
		if ((u32)r->in[0] == KVM_CPUID_EXIT_STATS)
			check_leaf(f);
		else
			check_other_leaf(f);
	}
}

static void set_mode(struct fuzzer *f, enum es_mode mode, int nr)
{
	u64 base = REGION_GPA + f->vcpu->id * REGION_SIZE;
	struct kvm_sregs sregs = f->long_sregs;
	struct kvm_regs regs = {};

	if (mode != ES_USER_COMPAT && !es_mode_is_long(mode)) {
		sregs.cr0 &= ~X86_CR0_PG;
		sregs.efer &= ~(EFER_LME | EFER_LMA);
	}
	if (mode == ES_REAL)
		sregs.cr0 &= ~X86_CR0_PE;
	es_set_segments(&sregs, base, mode == ES_REAL ? 0xffff : 0xffffffff, mode);
	vcpu_sregs_set(f->vcpu, &sregs);

	/* Long mode has no use for the base. */
	if (!es_mode_is_long(mode))
		base = 0;
	regs.rip = base + (modes[mode].code - fuzz_16);
	regs.rsi = base + RECORDS;
	regs.rdi = nr;
	regs.rflags = X86_EFLAGS_FIXED | (es_mode_is_user(mode) ? ES_RFLAGS_IOPL3 : 0);
	vcpu_regs_set(f->vcpu, &regs);
	vcpu_ioctl(f->vcpu, KVM_GET_CPUID2, f->cpuid);
}

static void fuzz_batch(struct fuzzer *f, int nr)
{
	enum es_mode mode = below(f, ES_NR_MODES);
	struct kvm_run *run = f->vcpu->run;
	struct record *r, *all = records[f->vcpu->id];
	int emulated = 0;

	for (r = all; r < all + nr; r++) {
		fill(f, r);
		emulated += r->emulate;
	}

	set_mode(f, mode, nr);
	if (checks)
		look(f, f->before);
	vcpu_run(f->vcpu);
	TEST_ASSERT(run->exit_reason == KVM_EXIT_IO && run->io.port == ES_DONE_PORT,
		    "%s: expected the end of the batch, got %u (%s)", modes[mode].name,
		    run->exit_reason, exit_reason_str(run->exit_reason));
	vcpu_run_complete_io(f->vcpu);
	if (checks)
		look(f, f->after);

	pthread_mutex_lock(&lock);
	modes[mode].nr += nr;
	modes[mode].nr_emulated += emulated;
	es_failed = false;
	if (checks)
		check(f, mode, nr);
	modes[mode].nr_failed += es_failed;
	pthread_mutex_unlock(&lock);
}

static void *fuzz(void *data)
{
	struct fuzzer *f = data;
	u64 left = DIV_ROUND_UP(nr_combinations, nr_vcpus);
	int nr;

	for (; left; left -= nr) {
		nr = min(left, (u64)MAX_BATCH / 4 + below(f, MAX_BATCH / 2));
		fuzz_batch(f, nr);
	}
	return NULL;
}

static void add_fuzzer(int i)
{
	struct fuzzer *f = calloc(1, sizeof(*f));

	TEST_ASSERT(f, "No memory");
	fuzzers[i] = f;
	f->vcpu = vcpus[i];
	f->random = seed * ES_MAX_VCPUS + i;
	f->region = addr_gpa2hva(vm, REGION_GPA + i * REGION_SIZE);
	f->cpuid = allocate_kvm_cpuid2(MAX_NR_CPUID_ENTRIES);
	memcpy(f->region, fuzz_16, fuzz_end - fuzz_16);
	records[i] = (struct record *)(f->region + RECORDS);
	vcpu_sregs_get(f->vcpu, &f->long_sregs);
}

static void usage(const char *name)
{
	printf("Usage: %s [-n COMBINATIONS] [-s SEED] [-v VCPUS] [-u]\n"
	       "  -u  only make the load, on any KVM, and do not look at the answers\n", name);
	exit(KSFT_FAIL);
}

int main(int argc, char *argv[])
{
	int i, opt, nr_pages;

	while ((opt = getopt(argc, argv, "n:s:v:u")) != -1) {
		switch (opt) {
		case 'n':
			nr_combinations = es_number(optarg, 1, UINT32_MAX);
			break;
		case 's':
			seed = es_number(optarg, 0, UINT64_MAX);
			break;
		case 'v':
			nr_vcpus = es_number(optarg, 1, ES_MAX_VCPUS);
			break;
		case 'u':
			checks = false;
			break;
		default:
			usage(argv[0]);
		}
	}

	if (checks)
		es_start();
	else
		es_init();
	start_tsc = rdtsc();
	vm = checks ? es_create_vm(nr_vcpus, vcpus) : es_create_any_vm(nr_vcpus, vcpus);
	have_fep = es_have_fep();
	nr_pages = nr_vcpus * REGION_SIZE / 4096;
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, REGION_GPA, REGION_SLOT,
				    nr_pages, 0);
	virt_map(vm, REGION_GPA, REGION_GPA, nr_pages);
	es_make_user_accessible(vm);
	for (i = 0; i < nr_vcpus; i++)
		add_fuzzer(i);

	ksft_print_msg("seed %lu (-s), %lu combinations (-n), %d vCPUs (-v)%s%s\n", seed,
		       nr_combinations, nr_vcpus, have_fep ? "" : "; none emulated: " ES_NO_FEP,
		       checks ? "" : "; the answers are not looked at");
	ksft_set_plan(ES_NR_MODES);
	es_begin();
	for (i = 0; i < nr_vcpus; i++)
		TEST_ASSERT(!pthread_create(&fuzzers[i]->thread, NULL, fuzz, fuzzers[i]),
			    "pthread_create() failed");
	for (i = 0; i < nr_vcpus; i++)
		pthread_join(fuzzers[i]->thread, NULL);

	for (i = 0; i < ES_NR_MODES; i++) {
		ksft_print_msg("%s: %lu combinations, %lu of them emulated\n", modes[i].name,
			       modes[i].nr, modes[i].nr_emulated);
		if (modes[i].nr)
			ksft_test_result(!modes[i].nr_failed, "%s\n", modes[i].name);
		else
			ksft_test_result_skip("%s: too few combinations\n", modes[i].name);
	}
	kvm_vm_free(vm);
	ksft_finished();
}
