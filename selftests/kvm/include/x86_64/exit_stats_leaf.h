/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID leaf 0x4FFFFFFF: its selector, the exit reasons of each instruction
 * set, and what kind of answer an input has.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_LEAF_H
#define SELFTEST_KVM_EXIT_STATS_LEAF_H

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "exit_stats_compat.h"

#include <asm/kvm_exit_stats.h>
#include <asm/svm.h>
#include <asm/vmx.h>

/* Same class, same end: what an unpatched KVM says here, it says for the leaf. */
#define ES_NEIGHBOUR		(KVM_CPUID_EXIT_STATS - 1)

enum es_view {
	ES_TOTAL = KVM_EXIT_STATS_VIEW_TOTAL,
	ES_INFO = KVM_EXIT_STATS_VIEW_INFO,
	ES_REASON = KVM_EXIT_STATS_VIEW_REASON,
	ES_AWAY = KVM_EXIT_STATS_VIEW_AWAY,
	ES_HIST = KVM_EXIT_STATS_VIEW_HIST,
	ES_NEXT = KVM_EXIT_STATS_VIEW_NEXT,
	ES_NR_VIEWS,
};

enum es_scope {
	ES_VM = KVM_EXIT_STATS_SCOPE_VM,
	ES_VCPU = KVM_EXIT_STATS_SCOPE_VCPU,
	ES_NR_SCOPES,
};

/* As many as the selector has room for. */
#define ES_MAX_VIEWS		(KVM_EXIT_STATS_VIEW_MASK + 1)
#define ES_MAX_INDICES		(KVM_EXIT_STATS_INDEX_MASK + 1)
#define ES_MAX_CODES		(KVM_EXIT_STATS_REASON_MASK + 1)

#define ES_NR_INFOS		3
#define ES_NR_HIST_INDICES	(KVM_EXIT_STATS_NR_BUCKETS / 2)

/* What INFO, index 0, has in EAX. */
#define ES_INFO_EAX							\
	(KVM_EXIT_STATS_ABI_VERSION | ((1u << ES_NR_VIEWS) - 1) << 16)

#define ES_SELECTOR(view, index, reason)				\
	((u32)KVM_EXIT_STATS_MAGIC << KVM_EXIT_STATS_MAGIC_SHIFT |	\
	 (u32)(view) << KVM_EXIT_STATS_VIEW_SHIFT |			\
	 (u32)(index) << KVM_EXIT_STATS_INDEX_SHIFT | (u32)(reason))

/* The contract, in numbers. */
static_assert(KVM_CPUID_EXIT_STATS == 0x4fffffff, "leaf");
static_assert(ES_SELECTOR(ES_HIST, 15, 0x40f) == 0xe5747c0f, "selector");
static_assert(ES_SELECTOR(ES_REASON, 1, KVM_EXIT_STATS_REASON_OTHER) == 0xe5720fff, "selector");
static_assert(ES_INFO_EAX == 0x003f0001, "INFO");

struct es_regs {
	u32 eax, ebx, ecx, edx;
};

static const struct es_regs es_zeros;
static const struct es_regs es_error = { .edx = KVM_EXIT_STATS_ERROR };

/* A count and its cycles, i.e. pair A and pair B. */
struct es_sample {
	u64 count;
	u64 cycles;
};

static inline u64 es_pair_a(struct es_regs r)
{
	return (u64)r.edx << 32 | r.eax;
}

static inline u64 es_pair_b(struct es_regs r)
{
	return (u64)r.ebx << 32 | r.ecx;
}

static inline struct es_sample es_sample(struct es_regs r)
{
	return (struct es_sample){ es_pair_a(r), es_pair_b(r) };
}

static inline bool es_same(struct es_regs a, struct es_regs b)
{
	return a.eax == b.eax && a.ebx == b.ebx &&
	       a.ecx == b.ecx && a.edx == b.edx;
}

static inline bool es_has_magic(u32 selector)
{
	return selector >> KVM_EXIT_STATS_MAGIC_SHIFT == KVM_EXIT_STATS_MAGIC;
}

static inline u8 es_view_of(u32 selector)
{
	return selector >> KVM_EXIT_STATS_VIEW_SHIFT & KVM_EXIT_STATS_VIEW_MASK;
}

static inline u8 es_index_of(u32 selector)
{
	return selector >> KVM_EXIT_STATS_INDEX_SHIFT & KVM_EXIT_STATS_INDEX_MASK;
}

static inline u16 es_reason_of(u32 selector)
{
	return selector & KVM_EXIT_STATS_REASON_MASK;
}

#define ES_FMT		"%08x:%08x:%08x:%08x"
#define ES_ARGS(r)	(r).eax, (r).ebx, (r).ecx, (r).edx

/* The instruction sets, and their code for what the tests make a guest do. */

enum es_op {
	ES_CPUID,
	ES_IO,
	ES_HLT,
	ES_HYPERCALL,
	ES_RDMSR,
	ES_WRMSR,
	ES_XSETBV,
	ES_PAGE,	/* EPT violation, nested page fault */
	ES_UD,
	ES_RSM,
	ES_VMRUN,	/* VMRESUME */
	ES_NR_OPS,
};

struct es_codes {
	int nr;
	u32 code[8];
};

struct es_isa {
	u32 id;
	const char *name;
	u16 op[ES_NR_OPS];
	/* Exits that the host brings about, at any time. */
	struct es_codes async;
	/* Exits that sending and taking an interrupt may cost. */
	struct es_codes irq;
	/* Exits that running an L2 may cost L1, as KVM and the CPU help it. */
	struct es_codes nested;
	/* A reason is one of so many codes, the second run of which begins elsewhere, or other. */
	int nr_reasons, nr_first;
	u32 second;
};

static const struct es_isa es_vmx = {
	.id = KVM_EXIT_STATS_ISA_VMX,
	.name = "VMX",
	.op = {
		[ES_CPUID]	= EXIT_REASON_CPUID,
		[ES_IO]		= EXIT_REASON_IO_INSTRUCTION,
		[ES_HLT]	= EXIT_REASON_HLT,
		[ES_HYPERCALL]	= EXIT_REASON_VMCALL,
		[ES_RDMSR]	= EXIT_REASON_MSR_READ,
		[ES_WRMSR]	= EXIT_REASON_MSR_WRITE,
		[ES_XSETBV]	= EXIT_REASON_XSETBV,
		[ES_PAGE]	= EXIT_REASON_EPT_VIOLATION,
		[ES_UD]		= EXIT_REASON_EXCEPTION_NMI,
		[ES_RSM]	= EXIT_REASON_EXCEPTION_NMI,
		[ES_VMRUN]	= EXIT_REASON_VMRESUME,
	},
	.async = { 3, { EXIT_REASON_EXCEPTION_NMI, EXIT_REASON_EXTERNAL_INTERRUPT,
			EXIT_REASON_PREEMPTION_TIMER } },
	.irq = { 5, { EXIT_REASON_MSR_WRITE, EXIT_REASON_INTERRUPT_WINDOW,
		      EXIT_REASON_EOI_INDUCED, EXIT_REASON_APIC_WRITE,
		      EXIT_REASON_TPR_BELOW_THRESHOLD } },
	.nested = { 2, { EXIT_REASON_VMREAD, EXIT_REASON_VMWRITE } },
	.nr_reasons = 129,
	.nr_first = 128,
	.second = 128,
};

static const struct es_isa es_svm = {
	.id = KVM_EXIT_STATS_ISA_SVM,
	.name = "SVM",
	.op = {
		[ES_CPUID]	= SVM_EXIT_CPUID,
		[ES_IO]		= SVM_EXIT_IOIO,
		[ES_HLT]	= SVM_EXIT_HLT,
		[ES_HYPERCALL]	= SVM_EXIT_VMMCALL,
		[ES_RDMSR]	= SVM_EXIT_MSR,
		[ES_WRMSR]	= SVM_EXIT_MSR,
		[ES_XSETBV]	= SVM_EXIT_XSETBV,
		[ES_PAGE]	= SVM_EXIT_NPF,
		[ES_UD]		= SVM_EXIT_EXCP_BASE + UD_VECTOR,
		[ES_RSM]	= SVM_EXIT_RSM,
		[ES_VMRUN]	= SVM_EXIT_VMRUN,
	},
	.async = { 3, { SVM_EXIT_INTR, SVM_EXIT_NMI, SVM_EXIT_SMI } },
	.irq = { 4, { SVM_EXIT_MSR, SVM_EXIT_VINTR, SVM_EXIT_AVIC_INCOMPLETE_IPI,
		      SVM_EXIT_AVIC_UNACCELERATED_ACCESS } },
	.nested = { 4, { SVM_EXIT_VMLOAD, SVM_EXIT_VMSAVE, SVM_EXIT_STGI, SVM_EXIT_CLGI } },
	.nr_reasons = 193,
	.nr_first = 0xb0,
	.second = 0x400,
};

#define ES_MAX_REASONS	193

/* Set by es_detect() on the host, and copied to every guest. */
static bool es_amd;
/* By number of the reason; NULL for codes that the uapi headers do not name. */
static const char *es_names[ES_MAX_REASONS];

static inline const struct es_isa *es_isa(void)
{
	return es_amd ? &es_svm : &es_vmx;
}

static inline u16 es_code(enum es_op op)
{
	return es_isa()->op[op];
}

static inline bool es_has_code(const struct es_codes *codes, u32 code)
{
	int i;

	for (i = 0; i < codes->nr; i++)
		if (codes->code[i] == code)
			return true;
	return false;
}

/* The code of a reason by its number, which is its element in the binary stats. */
static inline u32 es_code_of(int reason)
{
	const struct es_isa *isa = es_isa();

	if (reason == isa->nr_reasons - 1)
		return KVM_EXIT_STATS_REASON_OTHER;
	return reason < isa->nr_first ? reason : isa->second + reason - isa->nr_first;
}

/* The number of the reason @code, or -1 if it is outside of the ISA's ranges. */
static inline int es_find_reason(u64 code)
{
	const struct es_isa *isa = es_isa();
	u64 nr_second = isa->nr_reasons - 1 - isa->nr_first;

	if (code == KVM_EXIT_STATS_REASON_OTHER)
		return isa->nr_reasons - 1;
	if (code < isa->nr_first)
		return code;
	if (code >= isa->second && code < isa->second + nr_second)
		return isa->nr_first + code - isa->second;
	return -1;
}

static inline const char *es_name(u32 code)
{
	int i = es_find_reason(code);

	if (i < 0)
		return "out of range";
	return es_names[i] ?: "unnamed";
}

static inline struct es_regs es_cpuid(u32 leaf, u32 ecx)
{
	struct es_regs r;

	asm volatile("cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(ecx)
		     : "memory");
	return r;
}

/* Host code: find out what the reasons are called. */
static inline void es_detect(void)
{
	static const struct {
		u64 code;
		const char *name;
	} vmx_names[] = { VMX_EXIT_REASONS }, svm_names[] = { SVM_EXIT_REASONS };
	struct es_regs r = es_cpuid(0, 0);
	int i, reason;

	/* "AuthenticAMD" or "HygonGenuine", either runs kvm_amd. */
	es_amd = r.ebx == 0x68747541 || r.ebx == 0x6f677948;

	/* Some codes are none of the CPU, and out of range. */
	for (i = 0; i < (es_amd ? ARRAY_SIZE(svm_names) : ARRAY_SIZE(vmx_names)); i++) {
		reason = es_find_reason(es_amd ? svm_names[i].code : vmx_names[i].code);
		if (reason >= 0)
			es_names[reason] = es_amd ? svm_names[i].name : vmx_names[i].name;
	}
	es_names[es_isa()->nr_reasons - 1] = "other";
}

/* What kind of answer an input has. */

enum es_answer {
	ES_ANSWER_ERROR,
	ES_ANSWER_TOTAL,
	ES_ANSWER_INFO,
	ES_ANSWER_AGE,		/* INFO of what grows */
	ES_ANSWER_REASON,
	ES_ANSWER_PART,		/* AWAY or HIST: no more than REASON has */
	ES_ANSWER_NEXT,
};

/* Whose counters a selector is about. */
static inline enum es_scope es_scope_of(u32 selector)
{
	if (!es_has_magic(selector) || es_view_of(selector) == ES_HIST)
		return ES_VM;
	return es_index_of(selector) ? ES_VCPU : ES_VM;
}

/*
 * A reason without a name is an error as long as it has not happened, which only
 * the caller knows.
 */
static inline enum es_answer es_expected_answer(u32 selector)
{
	bool in_range = es_find_reason(es_reason_of(selector)) >= 0;
	u8 index = es_index_of(selector);
	bool is_scope = index < ES_NR_SCOPES;

	/* Without the magic number, nothing of the selector is read. */
	if (!es_has_magic(selector))
		return ES_ANSWER_TOTAL;

	switch (es_view_of(selector)) {
	case ES_TOTAL:
		return is_scope ? ES_ANSWER_TOTAL : ES_ANSWER_ERROR;
	case ES_INFO:
		if (index >= ES_NR_INFOS)
			return ES_ANSWER_ERROR;
		return index == 2 ? ES_ANSWER_AGE : ES_ANSWER_INFO;
	case ES_REASON:
		return is_scope && in_range ? ES_ANSWER_REASON : ES_ANSWER_ERROR;
	case ES_AWAY:
		return is_scope && in_range ? ES_ANSWER_PART : ES_ANSWER_ERROR;
	case ES_HIST:
		return index < ES_NR_HIST_INDICES && in_range ? ES_ANSWER_PART : ES_ANSWER_ERROR;
	case ES_NEXT:
		/* Any reason will do to start from. */
		return is_scope ? ES_ANSWER_NEXT : ES_ANSWER_ERROR;
	default:
		return ES_ANSWER_ERROR;
	}
}

#endif /* SELFTEST_KVM_EXIT_STATS_LEAF_H */
