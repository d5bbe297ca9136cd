// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits that are not the guest's own: those of an L2, which count once, by the
 * reason that the hardware gave, whether L1 or KVM handles them; and those in and
 * out of SMM.
 */
#include "exit_stats.h"

#define N		50

#define SMRAM_GPA	0x1000000
/* In the address space that a vCPU in SMM has. */
#define SMRAM_SLOT	(BIT(16) | 10)
#define SMRAM_PAGES	16
#define SMI_HANDLER	0x8000

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

/* Guest code. */

static struct es_snapshot before, after;
static u8 l2_stack[4096] __aligned(4096);
static u64 nr_intercepted, nr_other, l2_steps;

/*
 * L1 asks for hypercalls, and does not for I/O.  On VMX, it comes back with L1's
 * registers.
 */
static void l2_guest(void)
{
	for (;;) {
		WRITE_ONCE(l2_steps, l2_steps + 1);
		es_inb(ES_KERNEL_PORT);
		es_hypercall();
		asm volatile("" : : : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9",
			     "r10", "r11", "r12", "r13", "r14", "r15", "memory");
	}
}

static void l1_note_exit(u32 code)
{
	if (code == es_code(ES_HYPERCALL))
		nr_intercepted++;
	else
		nr_other++;
}

static void l1_run_svm(struct svm_test_data *svm, u64 n)
{
	while (n--) {
		run_guest(svm->vmcb, svm->vmcb_gpa);
		l1_note_exit(svm->vmcb->control.exit_code);
		/* Of VMMCALL. */
		svm->vmcb->save.rip += 3;
	}
}

static void l1_run_vmx(u64 n)
{
	while (n--) {
		GUEST_ASSERT(!vmresume());
		l1_note_exit(vmreadz(VM_EXIT_REASON));
		vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));
	}
}

static void l1_run(void *nested, u64 n)
{
	if (es_amd)
		l1_run_svm(nested, n);
	else
		l1_run_vmx(n);
}

static void guest_l1(void *nested)
{
	void *stack = l2_stack + sizeof(l2_stack) - 8;

	if (es_amd) {
		es_compat_setup_svm(nested, l2_guest, stack);
	} else {
		GUEST_ASSERT(prepare_for_vmx_operation(nested));
		GUEST_ASSERT(load_vmcs(nested));
		es_compat_setup_vmx(nested, l2_guest, stack);
		GUEST_ASSERT(!vmlaunch());
		vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));
	}

	/* The first touch of code and data costs exits of its own. */
	l1_run(nested, 2);
	nr_intercepted = 0;
	nr_other = 0;
	l2_steps = 0;

	es_take_snapshot(&before, ES_VCPU);
	l1_run(nested, N);
	es_take_snapshot(&after, ES_VCPU);
	ES_GUEST_DONE();
}

/* In SMM, which is like real mode: IN from KVM's own port, and back. */
static const u8 smi_handler[] = { 0xe4, ES_KERNEL_PORT, 0x0f, 0xaa };

static void send_smis(u64 n)
{
	while (n--)
		x2apic_write_reg(APIC_ICR, APIC_DEST_SELF | APIC_INT_ASSERT | APIC_DM_SMI);
}

static void guest_smis(void)
{
	x2apic_enable();
	send_smis(2);
	es_take_snapshot(&before, ES_VCPU);
	send_smis(N);
	es_take_snapshot(&after, ES_VCPU);
	ES_GUEST_DONE();
}

/* Host code. */

static void run(void *guest, u64 arg)
{
	es_run(vcpu, guest, arg, 0);
	ES_FETCH(vm, before);
	ES_FETCH(vm, after);
}

static void test_l2(void)
{
	struct es_growth expected[] = {
		{ es_code(ES_HYPERCALL), N },
		{ es_code(ES_IO), N },
		{ es_code(ES_VMRUN), N },
	};
	es_compat_gva_t nested;

	if (!kvm_cpu_has(es_amd ? X86_FEATURE_SVM : X86_FEATURE_VMX))
		ES_SKIP("KVM does not let guests have %s", es_isa()->name);

	vm = es_create_vm(1, &vcpu);
	if (es_amd)
		vcpu_alloc_svm(vm, &nested);
	else
		vcpu_alloc_vmx(vm, &nested);
	run(guest_l1, nested);

	ES_FETCH(vm, nr_intercepted);
	ES_FETCH(vm, nr_other);
	ES_FETCH(vm, l2_steps);
	ES_EXPECT(nr_intercepted == N && !nr_other && l2_steps == N,
		  "Expected L1 to see %d hypercalls of L2, and no other exit, got %lu and %lu",
		  N, nr_intercepted, nr_other);
	es_check_growth(&before, &after, expected, ARRAY_SIZE(expected), &es_isa()->nested);
	kvm_vm_free(vm);
}

static void test_smm(void)
{
	struct es_growth expected[] = {
		{ es_code(ES_WRMSR), N },
		{ es_code(ES_IO), N },
		{ es_code(ES_RSM), N },
	};
	/* Another address space is another root of EPT or NPT, which KVM may have dropped. */
	const struct es_codes more = { 1, { es_code(ES_PAGE) } };
	u8 *smram;

	if (!kvm_has_cap(KVM_CAP_X86_SMM))
		ES_SKIP("KVM has no KVM_CAP_X86_SMM");
	if (!kvm_cpu_has(X86_FEATURE_X2APIC))
		ES_SKIP("KVM does not support x2APIC");

	vm = es_create_vm(1, &vcpu);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, SMRAM_GPA, SMRAM_SLOT,
				    SMRAM_PAGES, 0);
	smram = addr_gpa2hva(vm, SMRAM_GPA);
	memset(smram, 0, SMRAM_PAGES * PAGE_SIZE);
	memcpy(smram + SMI_HANDLER, smi_handler, sizeof(smi_handler));
	vcpu_set_msr(vcpu, MSR_IA32_SMBASE, SMRAM_GPA);

	run(guest_smis, 0);
	es_check_growth(&before, &after, expected, ARRAY_SIZE(expected), &more);
	kvm_vm_free(vm);
}

static const struct es_case cases[] = {
	{ "exits of an L2, handled by L1 and by KVM", test_l2 },
	{ "into SMM and out of it", test_smm },
};

int main(int argc, char *argv[])
{
	es_start();
	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));
	ksft_finished();
}
