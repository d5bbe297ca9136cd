// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits are counted exactly: a guest that does a thing N times reads N more
 * exits of that reason, and no more of any other.
 */
#include "exit_stats.h"

#define N		100
/* x87 and SSE state. */
#define XCR0		3

#define PAGES_GPA	0x40000000ul
#define PAGES_GVA	0x40000000ul
#define PAGES_SLOT	10
/* One page of guest page tables: a guest's walk must not fault as well. */
#define NR_PAGES	512

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

/* Guest code. */

static struct es_snapshot before, after;
/* Of I/O, before and after. */
static u64 user_exits[2];
static u64 next_page = PAGES_GVA;
static bool apic_enabled, xsave_enabled;

static void guest_cpuid(u64 n)
{
	while (n--)
		es_cpuid(0, 0);
}

static void guest_in_kernel(u64 n)
{
	while (n--)
		es_inb(ES_KERNEL_PORT);
}

static void guest_out_kernel(u64 n)
{
	while (n--)
		es_outb(ES_KERNEL_PORT, 0xff);
}

static void guest_in_user(u64 n)
{
	while (n--)
		es_inb(ES_USER_PORT);
}

static void guest_out_user(u64 n)
{
	while (n--)
		es_outb(ES_USER_PORT, 0);
}

/* The interrupt is pending already, so the vCPU does not block. */
static void guest_hlt(u64 n)
{
	if (!apic_enabled)
		x2apic_enable();
	apic_enabled = true;

	while (n--) {
		x2apic_write_reg(APIC_ICR, APIC_DEST_SELF | APIC_INT_ASSERT |
				 APIC_DM_FIXED | ES_VECTOR);
		es_halt();
	}
}

static void guest_hypercall(u64 n)
{
	while (n--)
		es_hypercall();
}

static void guest_rdmsr(u64 n)
{
	while (n--)
		rdmsr(MSR_MISC_FEATURES_ENABLES);
}

static void guest_wrmsr(u64 n)
{
	while (n--)
		wrmsr(MSR_MISC_FEATURES_ENABLES, 0);
}

/* XCR0 is XFEATURE_MASK_FP until then. */
static void guest_xsetbv(u64 n)
{
	if (!xsave_enabled)
		set_cr4(get_cr4() | X86_CR4_OSXSAVE);
	xsave_enabled = true;

	while (n--)
		asm volatile("xsetbv" : : "a"(XCR0), "d"(0), "c"(0) : "memory");
}

static void guest_touch_pages(u64 n)
{
	for (; n--; next_page += PAGE_SIZE)
		WRITE_ONCE(*(u8 *)next_page, 1);
}

static void guest_ud(u64 n)
{
	while (n--)
		asm volatile("ud2" : : : "memory");
}

static void guest_sync(u64 n)
{
	while (n--)
		ES_GUEST_SYNC();
}

static void guest_measure(void (*act)(u64 n), u64 n)
{
	user_exits[0] = es_read_sample(ES_AWAY, ES_VM, es_code(ES_IO)).count;
	es_take_snapshot(&before, ES_VM);
	act(n);
	es_take_snapshot(&after, ES_VM);
	user_exits[1] = es_read_sample(ES_AWAY, ES_VM, es_code(ES_IO)).count;
	ES_GUEST_DONE();
}

/* Host code. */

static const char *need_tdp(void)
{
	return kvm_is_tdp_enabled() ? NULL : "KVM does not use EPT or NPT";
}

static const char *need_xsave(void)
{
	return kvm_cpu_has(X86_FEATURE_XSAVE) ? NULL : "KVM does not support XSAVE";
}

static const char *need_x2apic(void)
{
	return kvm_cpu_has(X86_FEATURE_X2APIC) ? NULL : "KVM does not support x2APIC";
}

/* QEMU's TCG up to v7.2 runs XSETBV in the guest, behind KVM's back. */
static const char *xsetbv_ran_in_guest(void)
{
	struct kvm_xcrs xcrs;

	vcpu_xcrs_get(vcpu, &xcrs);
	return xcrs.xcrs[0].value == XCR0 ? NULL : "this CPU does not exit on XSETBV";
}

static const struct count_case {
	const char *name;
	enum es_op op;
	void (*act)(u64 n);
	/* Exits to userspace for each time. */
	int io;
	/* May cost exits that come with interrupts. */
	bool irq;
	/* What is missing, or NULL; before and after the guest's first try. */
	const char *(*need)(void);
	const char *(*tried)(void);
} count_cases[] = {
	{ "CPUID",			ES_CPUID,	guest_cpuid },
	{ "IN, answered by KVM",	ES_IO,		guest_in_kernel },
	{ "OUT, answered by KVM",	ES_IO,		guest_out_kernel },
	{ "IN, answered by userspace",	ES_IO,		guest_in_user, .io = 1 },
	{ "OUT, answered by userspace",	ES_IO,		guest_out_user, .io = 1 },
	{ "HLT, interrupt pending",	ES_HLT,		guest_hlt, .irq = true,
					.need = need_x2apic },
	{ "hypercall",			ES_HYPERCALL,	guest_hypercall },
	{ "RDMSR",			ES_RDMSR,	guest_rdmsr },
	{ "WRMSR",			ES_WRMSR,	guest_wrmsr },
	{ "XSETBV",			ES_XSETBV,	guest_xsetbv, .need = need_xsave,
					.tried = xsetbv_ran_in_guest },
	{ "write to a fresh page",	ES_PAGE,	guest_touch_pages, .need = need_tdp },
	{ "#UD, intercepted",		ES_UD,		guest_ud },
};

static void check_growth(u32 code, u64 n, const struct es_codes *more)
{
	struct es_growth expected = { code, n };

	es_check_growth(&before, &after, &expected, 1, more);
}

static u64 measure(void (*act)(u64 n), u64 n,
		   void (*hook)(struct kvm_vcpu *vcpu))
{
	u64 nr_io = es_run_hook(vcpu, guest_measure, (uintptr_t)act, n, hook);

	ES_FETCH(vm, before);
	ES_FETCH(vm, after);
	ES_FETCH(vm, user_exits);
	return nr_io;
}

static void test_count(const struct count_case *c)
{
	const char *missing = c->need ? c->need() : NULL;
	u64 nr_io;

	if (missing)
		ES_SKIP("%s", missing);

	/* The first touch of code and data costs exits of its own. */
	measure(c->act, 1, NULL);

	missing = c->tried ? c->tried() : NULL;
	if (missing)
		ES_SKIP("%s", missing);

	nr_io = measure(c->act, N, NULL);
	check_growth(es_code(c->op), N, c->irq ? &es_isa()->irq : NULL);
	ES_EXPECT(nr_io == c->io * N, "Expected %d I/O exits to userspace, got %lu",
		  c->io * N, nr_io);
}

static void run_without_entry(struct kvm_vcpu *vcpu)
{
	int i;

	for (i = 0; i < 10; i++)
		vcpu_run_complete_io(vcpu);
}

/* KVM_RUN that returns before it entered the guest is not an exit. */
static void test_run_without_entry(void)
{
	measure(guest_sync, 1, NULL);
	measure(guest_sync, 1, run_without_entry);
	check_growth(es_code(ES_IO), 1, NULL);
}

#define NR_FAILURES	5

static int nr_failed;

static void guest_not_to_be_entered(void)
{
	for (;;)
		ES_GUEST_DONE();
}

/*
 * What userspace can set, KVM lets pass, and no CPU enters a guest with: on VMX
 * bit 15 of RFLAGS, on SVM a code segment of 64 and of 32 bits.
 */
static void fail_entries(struct kvm_vcpu *vcpu)
{
	struct kvm_sregs good_sregs, bad_sregs;
	struct kvm_regs good, bad;

	vcpu_regs_get(vcpu, &good);
	vcpu_sregs_get(vcpu, &good_sregs);

	bad = good;
	bad_sregs = good_sregs;
	bad.rip = (uintptr_t)guest_not_to_be_entered;
	if (es_amd)
		bad_sregs.cs.db = 1;
	else
		bad.rflags |= BIT(15);
	vcpu_regs_set(vcpu, &bad);
	vcpu_sregs_set(vcpu, &bad_sregs);

	for (nr_failed = 0; nr_failed < NR_FAILURES; nr_failed++) {
		if (__vcpu_run(vcpu) || vcpu->run->exit_reason != KVM_EXIT_FAIL_ENTRY)
			break;
	}
	if (nr_failed < NR_FAILURES)
		vcpu_run_complete_io(vcpu);

	vcpu_sregs_set(vcpu, &good_sregs);
	vcpu_regs_set(vcpu, &good);
}

/*
 * A VM-Entry that failed before the guest ran is not an exit.  It goes to
 * userspace, which is no exit to userspace either, and nothing of it is timed
 * but what led to it.
 */
static void test_failed_entry(void)
{
	int i, io = es_find_reason(es_code(ES_IO));
	u64 start, elapsed, handling;

	measure(guest_sync, 1, NULL);
	start = rdtsc();
	measure(guest_sync, 1, fail_entries);
	elapsed = rdtsc() - start;
	if (!nr_failed)
		ES_SKIP("this CPU enters a guest that it should not");

	ES_EXPECT(nr_failed == NR_FAILURES, "Expected %d VM-Entries to fail, got %d",
		  NR_FAILURES, nr_failed);
	check_growth(es_code(ES_IO), 1, NULL);
	ES_EXPECT(user_exits[1] - user_exits[0] == 1, "Expected 1 exit to userspace, got %lu",
		  user_exits[1] - user_exits[0]);

	handling = after.reason[io].cycles - before.reason[io].cycles;
	ES_EXPECT(handling <= elapsed, "Expected at most %lu handling cycles, got %lu", elapsed,
		  handling);

	/* VMX has a reason for it, and SVM's is out of range. */
	for (i = 0; i < es_isa()->nr_reasons; i++)
		if (es_code_of(i) == KVM_EXIT_STATS_REASON_OTHER ||
		    (!es_amd && es_code_of(i) == EXIT_REASON_INVALID_STATE))
			ES_EXPECT(!after.reason[i].count, "%s: expected no exits, got %lu",
				  es_name(es_code_of(i)), after.reason[i].count);
}

static const struct es_case other_cases[] = {
	{ "KVM_RUN that does not enter the guest is no exit", test_run_without_entry },
	{ "a VM-Entry that fails is no exit", test_failed_entry },
};

int main(int argc, char *argv[])
{
	char name[128];
	int i;

	es_start();
	vm = es_create_vm(1, &vcpu);

	vm_install_exception_handler(vm, ES_VECTOR, es_handle_irq);
	vm_install_exception_handler(vm, UD_VECTOR, es_skip_ud);

	/*
	 * Pages that the host has not populated either, and small ones: each is
	 * one violation.  Interrupts are off while the guest touches them, thus
	 * KVM cannot handle one asynchronously and fault it in twice.
	 */
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, PAGES_GPA, PAGES_SLOT,
				    NR_PAGES, 0);
	virt_map(vm, PAGES_GVA, PAGES_GPA, NR_PAGES);

	ksft_set_plan(ARRAY_SIZE(count_cases) + ARRAY_SIZE(other_cases));

	for (i = 0; i < ARRAY_SIZE(count_cases); i++) {
		snprintf(name, sizeof(name), "%s: %d more of reason %#x", count_cases[i].name,
			 N, es_code(count_cases[i].op));
		es_begin();
		test_count(&count_cases[i]);
		es_end(name);
	}
	es_run_cases(other_cases, ARRAY_SIZE(other_cases));

	kvm_vm_free(vm);
	ksft_finished();
}
