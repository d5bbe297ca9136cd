// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits that KVM may handle on its fast path, where it goes back to the guest
 * without having been anywhere else, are counted as all others.
 */
#include "exit_stats.h"

#define N		100
#define NR_TIMERS	10
#define TIMER_CYCLES	20000

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

/* Guest code. */

static struct es_snapshot before, after;
static bool apic_enabled;
static u64 apic_id;
static u64 nr_irqs;

static void guest_irq_handler(struct ex_regs *regs)
{
	WRITE_ONCE(nr_irqs, nr_irqs + 1);
	x2apic_write_reg(APIC_EOI, 0);
}

/* Interrupts are off, thus all are one, which is taken by the next case. */
static void guest_icr(u64 n)
{
	while (n--)
		x2apic_write_reg(APIC_ICR, apic_id << 32 | APIC_DEST_PHYSICAL |
				 APIC_DM_FIXED | ES_VECTOR);
}

static void guest_far_deadline(u64 n)
{
	while (n--)
		wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + (1ull << 40));
	wrmsr(MSR_IA32_TSC_DEADLINE, 0);
}

/* Spin in the guest until each timer has fired. */
static void guest_near_deadline(u64 n)
{
	u64 seen;

	while (n--) {
		seen = nr_irqs;
		wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + TIMER_CYCLES);
		asm volatile("sti" : : : "memory");
		while (READ_ONCE(nr_irqs) == seen)
			;
		asm volatile("cli" : : : "memory");
	}
}

static void guest_measure(void (*act)(u64 n), u64 n)
{
	if (!apic_enabled) {
		x2apic_enable();
		/* An exit or not, as the hardware virtualizes the APIC or not. */
		apic_id = x2apic_read_reg(APIC_ID);
		x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | ES_VECTOR);
	}
	apic_enabled = true;

	es_take_snapshot(&before, ES_VCPU);
	act(n);
	es_take_snapshot(&after, ES_VCPU);
	asm volatile("sti; nop; cli" : : : "memory");
	ES_GUEST_DONE();
}

/* Host code. */

static void measure(void (*act)(u64 n), u64 n)
{
	/* The first touch of code and data costs exits of its own. */
	es_run(vcpu, guest_measure, (uintptr_t)act, 1);
	es_run(vcpu, guest_measure, (uintptr_t)act, n);
	ES_FETCH(vm, before);
	ES_FETCH(vm, after);
}

static void test_icr(void)
{
	struct es_growth expected = { es_code(ES_WRMSR), N };

	/* Either lets the hardware send what it can, without an exit. */
	if (es_param_is_on("/sys/module/kvm_intel/parameters/enable_ipiv"))
		ES_SKIP("kvm_intel.enable_ipiv is on, IPIs need no exit");
	if (es_param_is_on("/sys/module/kvm_amd/parameters/avic"))
		ES_SKIP("kvm_amd.avic is on, IPIs need no exit");

	measure(guest_icr, N);
	es_check_growth(&before, &after, &expected, 1, &es_isa()->irq);
}

static void test_far_deadline(void)
{
	struct es_growth expected = { es_code(ES_WRMSR), N + 1 };

	measure(guest_far_deadline, N);
	es_check_growth(&before, &after, &expected, 1, NULL);
}

static void test_preemption_timer(void)
{
	u64 growth;
	int i;

	if (es_amd)
		ES_SKIP("SVM has no preemption timer");
	if (!get_kvm_intel_param_bool("preemption_timer"))
		ES_SKIP("kvm_intel.preemption_timer is off");

	measure(guest_near_deadline, NR_TIMERS);
	es_check_sum(&before);
	es_check_sum(&after);
	i = es_find_reason(EXIT_REASON_PREEMPTION_TIMER);
	growth = after.reason[i].count - before.reason[i].count;
	/* A timer that fires while KVM is at work needs no exit. */
	ES_EXPECT(growth > 0 && growth < UINT32_MAX,
		  "Expected exits for %d timers, got %lu", NR_TIMERS, growth);
}

static const struct es_case cases[] = {
	{ "WRMSR to x2APIC ICR", test_icr },
	{ "WRMSR to TSC_DEADLINE", test_far_deadline },
	{ "VMX preemption timer", test_preemption_timer },
};

int main(int argc, char *argv[])
{
	struct kvm_vcpu *first;

	es_start();
	vm = es_create_vm(1, &first);
	if (!kvm_cpu_has(X86_FEATURE_X2APIC))
		ksft_exit_skip("KVM does not support x2APIC\n");
	if (!kvm_has_cap(KVM_CAP_TSC_DEADLINE_TIMER))
		ksft_exit_skip("KVM has no KVM_CAP_TSC_DEADLINE_TIMER\n");

	/* The guest must have the timer before it runs for the first time. */
	vcpu = es_add_vcpu(vm, 1);
	vcpu_set_cpuid_feature(vcpu, X86_FEATURE_TSC_DEADLINE_TIMER);
	vm_install_exception_handler(vm, ES_VECTOR, guest_irq_handler);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
