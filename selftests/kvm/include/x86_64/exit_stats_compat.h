/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where KVM's selftest framework differs between v6.1 and v6.12, as far as the
 * exit_stats tests are concerned.  GUEST_FAIL() tells the two apart.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_COMPAT_H
#define SELFTEST_KVM_EXIT_STATS_COMPAT_H

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"

#ifndef APIC_LVTT
#define APIC_LVTT			0x320
#define APIC_LVT_TIMER_TSCDEADLINE	(2 << 17)
#endif

#ifndef X86_EFLAGS_IF
#define X86_EFLAGS_IF			BIT(9)
#endif

#ifndef MAX_NR_CPUID_ENTRIES
#define MAX_NR_CPUID_ENTRIES		100
#endif

#ifdef GUEST_FAIL

/* The framework gives every VM a GDT, an IDT and a TSS. */
static inline void es_compat_init_vm(struct kvm_vm *vm) { }
static inline void es_compat_init_vcpu(struct kvm_vcpu *vcpu) { }

#else

static inline void es_compat_init_vm(struct kvm_vm *vm)
{
	vm_init_descriptor_tables(vm);
}

static inline void es_compat_init_vcpu(struct kvm_vcpu *vcpu)
{
	vcpu_init_descriptor_tables(vcpu);
}

#endif

#endif /* SELFTEST_KVM_EXIT_STATS_COMPAT_H */
