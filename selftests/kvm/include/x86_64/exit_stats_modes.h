/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host code of the exit_stats tests: modes of the guest's CPU, and KVM's
 * emulator.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_MODES_H
#define SELFTEST_KVM_EXIT_STATS_MODES_H

#include "exit_stats.h"

#define ES_USER_DS		0x33
#define ES_USER_CS		0x3b
#define ES_RFLAGS_IOPL3		(3u << 12)

enum es_mode {
	ES_REAL,
	ES_KERNEL_32,
	ES_USER_32,
	ES_USER_COMPAT,
	ES_KERNEL_LONG,
	ES_USER_LONG,
	ES_NR_MODES,
};

static inline bool es_mode_is_user(enum es_mode mode)
{
	return mode == ES_USER_32 || mode == ES_USER_COMPAT || mode == ES_USER_LONG;
}

static inline bool es_mode_is_long(enum es_mode mode)
{
	return mode == ES_KERNEL_LONG || mode == ES_USER_LONG;
}

/* The segments of @mode.  In long mode nobody looks at base and limit. */
static inline void es_set_segments(struct kvm_sregs *sregs, u64 base, u32 limit,
				   enum es_mode mode)
{
	bool user = es_mode_is_user(mode);

	sregs->cs = (struct kvm_segment){
		.base = base, .limit = limit, .selector = user ? ES_USER_CS : 0x8,
		.type = 11, .present = 1, .dpl = user ? 3 : 0, .s = 1, .g = limit > 0xfffff,
		.l = es_mode_is_long(mode), .db = mode != ES_REAL && !es_mode_is_long(mode),
	};
	sregs->ds = (struct kvm_segment){
		.base = base, .limit = limit, .selector = user ? ES_USER_DS : 0x10,
		.type = 3, .present = 1, .dpl = user ? 3 : 0, .s = 1, .g = limit > 0xfffff,
		.db = mode != ES_REAL,
	};
	if (mode == ES_REAL) {
		sregs->cs.type = 3;
		sregs->cs.selector = base >> 4;
		sregs->ds.selector = base >> 4;
	}
	sregs->ss = sregs->ds;
	sregs->es = sregs->ds;
	sregs->fs = sregs->ds;
	sregs->gs = sregs->ds;
}

static inline void es_make_table_user_accessible(struct kvm_vm *vm, u64 table, int level)
{
	u64 *pte = addr_gpa2hva(vm, table);
	int i;

	for (i = 0; i < 512; i++) {
		if (!(pte[i] & BIT(0)))
			continue;
		pte[i] |= BIT(2);
		if (level > 1 && !(pte[i] & BIT(7)))
			es_make_table_user_accessible(vm, pte[i] & PHYSICAL_PAGE_MASK, level - 1);
	}
}

/* Let user mode have all of the guest's memory. */
static inline void es_make_user_accessible(struct kvm_vm *vm)
{
	es_make_table_user_accessible(vm, es_compat_pgd(vm), 4);
}

/* Have KVM emulate what follows: it is a VM-Exit for an invalid opcode. */
#define ES_FEP	"ud2; .byte 'k', 'v', 'm';"

#define ES_NO_FEP	"kvm.force_emulation_prefix is off, and cannot be changed"

static inline bool es_have_fep(void)
{
	char value[32];

	if (es_get_param(ES_PARAM_FEP, value, sizeof(value)) < 0)
		return false;
	return (value[0] != '0' && value[0] != 'N') || es_try_set_param(ES_PARAM_FEP, "1");
}

#endif /* SELFTEST_KVM_EXIT_STATS_MODES_H */
