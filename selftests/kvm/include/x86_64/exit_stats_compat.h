/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where KVM's selftest framework differs between v6.1, v6.12 and v7.3, as far as
 * the exit_stats tests are concerned.  GUEST_FAIL() tells the first from the
 * others, SVM_MISC_ENABLE_NP the last.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_COMPAT_H
#define SELFTEST_KVM_EXIT_STATS_COMPAT_H

#include "apic.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"
#include "vmx.h"

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

#ifdef SVM_MISC_ENABLE_NP

#define es_compat_gva_t			gva_t
#define es_compat_pgd(vm)		((vm)->mmu.pgd)

static inline void es_compat_setup_svm(struct svm_test_data *svm, void *rip, void *rsp)
{
	generic_svm_setup(svm, rip);
	svm->vmcb->save.rsp = (u64)rsp;
}

static inline void es_compat_setup_vmx(struct vmx_pages *vmx, void *rip, void *rsp)
{
	prepare_vmcs(vmx, rip);
	vmwrite(GUEST_RSP, (u64)rsp);
}

#else

#define es_compat_gva_t			vm_vaddr_t
#define es_compat_pgd(vm)		((vm)->pgd)
#define es_compat_setup_svm(svm, rip, rsp)	generic_svm_setup(svm, rip, rsp)
#define es_compat_setup_vmx(vmx, rip, rsp)	prepare_vmcs(vmx, rip, rsp)

#endif

#endif /* SELFTEST_KVM_EXIT_STATS_COMPAT_H */
