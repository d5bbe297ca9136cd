/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest code of the exit_stats tests: read the leaf, exit in several ways, take
 * interrupts.  Each guest has a copy of its own of the globals.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_GUEST_H
#define SELFTEST_KVM_EXIT_STATS_GUEST_H

#include <linux/kvm_para.h>

#include "apic.h"
#include "exit_stats_leaf.h"

#define ES_MAX_VCPUS	8
#define ES_STACK_SIZE	(2 * 4096)

static u8 es_stacks[ES_MAX_VCPUS][ES_STACK_SIZE] __aligned(4096);

/* Leaf reads through es_read() by each vCPU; each is one CPUID exit. */
static u64 es_reads[ES_MAX_VCPUS];

/* At a function's entry RSP is 8 below a multiple of 16. */
static inline u64 es_stack_top(int vcpu_id)
{
	return (uintptr_t)&es_stacks[vcpu_id + 1] - 8;
}

static inline u64 *es_my_reads(void)
{
	uintptr_t offset = (uintptr_t)__builtin_frame_address(0) - (uintptr_t)es_stacks;

	return &es_reads[offset / ES_STACK_SIZE];
}

static inline struct es_regs es_read_selector(u32 selector)
{
	++*es_my_reads();
	return es_cpuid(KVM_CPUID_EXIT_STATS, selector);
}

static inline struct es_regs es_read(u8 view, u8 index, u16 reason)
{
	return es_read_selector(ES_SELECTOR(view, index, reason));
}

static inline struct es_sample es_read_sample(u8 view, u8 index, u16 reason)
{
	return es_sample(es_read(view, index, reason));
}

/* Of REASON or AWAY by the reason's number; one without a name may never have happened. */
static inline struct es_sample es_read_reason(u8 view, u8 index, int reason)
{
	struct es_regs r = es_read(view, index, es_code_of(reason));

	return es_sample(!es_names[reason] && es_same(r, es_error) ? es_zeros : r);
}

static inline void es_hypercall(void)
{
	u64 nr = KVM_HC_VAPIC_POLL_IRQ;

	if (es_amd)
		asm volatile("vmmcall" : "+a"(nr) : : "memory");
	else
		asm volatile("vmcall" : "+a"(nr) : : "memory");
}

static inline u8 es_inb(u16 port)
{
	u8 val;

	asm volatile("inb %%dx, %%al" : "=a"(val) : "d"(port) : "memory");
	return val;
}

static inline void es_outb(u16 port, u8 val)
{
	asm volatile("outb %%al, %%dx" : : "a"(val), "d"(port) : "memory");
}

/* KVM's own PIC answers here. */
#define ES_KERNEL_PORT	0x21
/* Nobody does; userspace is asked. */
#define ES_USER_PORT	0x500

/*
 * How a guest talks to es_run().  Not by ucalls: each takes another buffer if
 * the guest does not return from the last, and thereby faults in fresh pages.
 */
#define ES_DONE_PORT	0x501
#define ES_SYNC_PORT	0x502

#define ES_GUEST_DONE()	es_outb(ES_DONE_PORT, 0)
#define ES_GUEST_SYNC()	es_outb(ES_SYNC_PORT, 0)

/* Handler of an intercepted #UD. */
static inline void es_skip_ud(struct ex_regs *regs)
{
	regs->rip += 2;
}

/*
 * Halt until an interrupt of ES_VECTOR, which may be pending; the vCPU is in
 * x2APIC mode.  STI holds interrupts back up to and including HLT, but not under
 * QEMU's TCG if a VM-Exit comes between the two: its VMRUN forgets the interrupt
 * shadow.  The interrupt is then taken before HLT, which would wait for ever.
 */
#define ES_VECTOR	0x40

void es_halt(void);
extern const char es_halt_hlt[];

asm(".pushsection .text\n"
	"es_halt:	sti\n"
	"es_halt_hlt:	hlt\n"
	"	cli\n"
	"	ret\n"
	".popsection\n");

/* The handler of ES_VECTOR.  What came before HLT is sent again, and STI redone. */
static inline void es_handle_irq(struct ex_regs *regs)
{
	x2apic_write_reg(APIC_EOI, 0);

	if (regs->rip == (uintptr_t)es_halt_hlt) {
		x2apic_write_reg(APIC_ICR, APIC_DEST_SELF | APIC_INT_ASSERT |
				 APIC_DM_FIXED | ES_VECTOR);
		regs->rflags &= ~X86_EFLAGS_IF;
		regs->rip = (uintptr_t)es_halt;
	}
}

/*
 * All counts at one moment, namely that of the read of @total.
 *
 * Reading takes many exits, but known ones: each read is a CPUID exit.  Reasons
 * that may count up meanwhile for another cause are read between two reads of
 * TOTAL, again and again until those differ by nothing but the reads.
 */
struct es_snapshot {
	u64 reads;			/* *es_my_reads() at that moment */
	struct es_sample total;
	struct es_sample total_after;
	struct es_sample reason[ES_MAX_REASONS];
	bool quiet;
};

static inline bool es_is_volatile(u32 code)
{
	return code == es_code(ES_CPUID) || code == es_code(ES_PAGE) ||
	       es_has_code(&es_isa()->async, code);
}

static inline void es_snapshot_reasons(struct es_snapshot *s, u8 scope,
				       bool want_volatile)
{
	u32 code;
	int i;

	for (i = 0; i < es_isa()->nr_reasons; i++) {
		code = es_code_of(i);
		if (es_is_volatile(code) != want_volatile)
			continue;

		s->reason[i] = es_read_reason(ES_REASON, scope, i);
		/* Take back the reads since, this one included. */
		if (code == es_code(ES_CPUID))
			s->reason[i].count -= *es_my_reads() - s->reads;
	}
}

static inline void es_take_snapshot(struct es_snapshot *s, u8 scope)
{
	int tries = 100;

	es_snapshot_reasons(s, scope, false);

	do {
		s->total = es_read_sample(ES_TOTAL, scope, 0);
		s->reads = *es_my_reads();
		es_snapshot_reasons(s, scope, true);
		s->total_after = es_read_sample(ES_TOTAL, scope, 0);
		s->quiet = s->total_after.count - s->total.count ==
			   *es_my_reads() - s->reads;
	} while (!s->quiet && --tries);
}

static inline u64 es_count_of(const struct es_snapshot *s, enum es_op op)
{
	int i = es_find_reason(es_code(op));

	return i < 0 ? 0 : s->reason[i].count;
}

/* What userspace reads first, by the guest that es_create_vm() runs. */
static struct es_regs es_info[ES_NR_INFOS];

static inline void es_guest_info(void)
{
	int i;

	for (i = 0; i < ES_NR_INFOS; i++)
		es_info[i] = es_read(ES_INFO, i, 0);
	ES_GUEST_DONE();
}

#endif /* SELFTEST_KVM_EXIT_STATS_GUEST_H */
