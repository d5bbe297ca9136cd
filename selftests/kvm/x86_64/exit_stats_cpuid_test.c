// SPDX-License-Identifier: GPL-2.0-only
/*
 * The leaf among KVM's other rules for CPUID: an entry that userspace set has
 * the last word, a VM without the leaf is as if KVM was not patched, CPUID
 * faulting applies, and KVM's emulator answers the same.
 */
#include "exit_stats_modes.h"

#define CPUID_INSN_SIZE		2
/* Flat 64-bit segments of privilege level 3. */
#define USER_DS_DESC		0x00cff3000000ffffull
#define USER_CS_DESC		0x00affb000000ffffull
/* Takes the #GP of vCPU 0 at privilege level 3. */
#define HANDLER_STACK		(ES_MAX_VCPUS - 1)

enum vendor {
	INTEL,
	AMD,
};

static const char vendor_strings[][12] = {
	[INTEL] = { "GenuineIntel" },
	[AMD]	= { "AuthenticAMD" },
};

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;
/* The next vCPU's id; each takes its CPUID before it first runs. */
static int nr_vcpus = 1;

/* Guest code. */

static const u32 inputs[] = {
	0, 1, 2, 3, 0x0000000a, 0x00010000, 0x02000000, 0x7fffffff, 0xffffffff,
	ES_SELECTOR(ES_TOTAL, ES_VM, 0), ES_SELECTOR(ES_TOTAL, ES_VCPU, 0),
	ES_SELECTOR(ES_INFO, 0, 0), ES_SELECTOR(ES_INFO, 1, 0), ES_SELECTOR(ES_INFO, 2, 0),
	ES_SELECTOR(ES_REASON, ES_VM, 10), ES_SELECTOR(ES_REASON, ES_NR_SCOPES, 0),
	ES_SELECTOR(ES_NEXT, ES_VM, 0), ES_SELECTOR(ES_NR_VIEWS, 0, 0),
};

static struct lookup {
	struct es_regs leaf, neighbour, max_basic;
} lookups[ARRAY_SIZE(inputs)];

static u64 nr_faults;
static struct es_regs answer;
static struct {
	struct es_regs info[2], undefined;
	struct es_sample cpuid[3], ud[3];
} emulated;

static void guest_lookup(void)
{
	u32 max_basic = es_cpuid(0, 0).eax;
	int i;

	for (i = 0; i < ARRAY_SIZE(inputs); i++) {
		lookups[i].leaf = es_cpuid(KVM_CPUID_EXIT_STATS, inputs[i]);
		lookups[i].neighbour = es_cpuid(ES_NEIGHBOUR, inputs[i]);
		lookups[i].max_basic = es_cpuid(max_basic, inputs[i]);
	}
	ES_GUEST_DONE();
}

/* All faults here are CPUID's. */
static void guest_gp_handler(struct ex_regs *regs)
{
	nr_faults++;
	regs->rip += CPUID_INSN_SIZE;
}

static struct es_regs emulate_cpuid(u32 leaf, u32 ecx)
{
	struct es_regs r;

	asm volatile(ES_FEP "cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(ecx)
		     : "memory");
	return r;
}

static void guest_ask(bool emulate)
{
	u32 ecx = ES_SELECTOR(ES_INFO, 0, 0);

	nr_faults = 0;
	if (emulate)
		answer = emulate_cpuid(KVM_CPUID_EXIT_STATS, ecx);
	else
		answer = es_cpuid(KVM_CPUID_EXIT_STATS, ecx);
	ES_GUEST_DONE();
}

static struct es_sample emulate_sample(enum es_op op)
{
	struct es_regs r = emulate_cpuid(KVM_CPUID_EXIT_STATS,
					 ES_SELECTOR(ES_REASON, ES_VCPU, es_code(op)));

	return (struct es_sample){ es_pair_a(r), es_pair_b(r) };
}

static void guest_emulated_reads(void)
{
	int i;

	emulated.info[0] = emulate_cpuid(KVM_CPUID_EXIT_STATS, ES_SELECTOR(ES_INFO, 0, 0));
	emulated.info[1] = emulate_cpuid(KVM_CPUID_EXIT_STATS, ES_SELECTOR(ES_INFO, 1, 0));
	emulated.undefined = emulate_cpuid(KVM_CPUID_EXIT_STATS,
					   ES_SELECTOR(ES_REASON, ES_NR_SCOPES, 0));

	emulated.cpuid[0] = es_read_sample(ES_REASON, ES_VCPU, es_code(ES_CPUID));
	for (i = 1; i < 3; i++)
		emulated.cpuid[i] = emulate_sample(ES_CPUID);
	for (i = 0; i < 3; i++)
		emulated.ud[i] = emulate_sample(ES_UD);
	ES_GUEST_DONE();
}

/* Host code: what an unpatched KVM answers. */

static void run_lookups(struct kvm_vcpu *v)
{
	es_run(v, guest_lookup, 0, 0);
	ES_FETCH(v->vm, lookups);
}

/*
 * KVM's rule for a leaf that it does not know and that is out of range: an AMD
 * guest gets zeros, an Intel guest gets the highest basic leaf, the index in
 * ECX being observed.  It holds for the neighbouring leaf in any case.
 */
static void check_unpatched(int i, enum vendor vendor)
{
	const struct lookup *l = &lookups[i];
	struct es_regs expected = vendor == AMD ? es_zeros : l->max_basic;

	ES_EXPECT(es_same(l->neighbour, expected),
		  "ECX %#x: expected " ES_FMT " from leaf %#x, got " ES_FMT, inputs[i],
		  ES_ARGS(expected), ES_NEIGHBOUR, ES_ARGS(l->neighbour));
	ES_EXPECT(es_same(l->leaf, expected),
		  "ECX %#x: expected " ES_FMT " as from leaf %#x, got " ES_FMT, inputs[i],
		  ES_ARGS(expected), ES_NEIGHBOUR, ES_ARGS(l->leaf));
}

/* Give a new vCPU the CPUID of @vendor and, if any, @entry. */
static void set_cpuid(struct kvm_vcpu *added, enum vendor vendor,
		      const struct kvm_cpuid_entry2 *entry)
{
	struct kvm_cpuid2 *cpuid;
	const char *string = vendor_strings[vendor];
	int i;

	cpuid = allocate_kvm_cpuid2(added->cpuid->nent + 1);
	cpuid->nent = added->cpuid->nent;
	memcpy(cpuid->entries, added->cpuid->entries, cpuid->nent * sizeof(*cpuid->entries));

	for (i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function)
			continue;
		memcpy(&cpuid->entries[i].ebx, string, 4);
		memcpy(&cpuid->entries[i].edx, string + 4, 4);
		memcpy(&cpuid->entries[i].ecx, string + 8, 4);
	}
	if (entry)
		cpuid->entries[cpuid->nent++] = *entry;

	vcpu_init_cpuid(added, cpuid);
	free(cpuid);
}

static struct kvm_vcpu *add_vcpu(enum vendor vendor, const struct kvm_cpuid_entry2 *entry)
{
	struct kvm_vcpu *added = es_add_vcpu(vm, nr_vcpus++);

	set_cpuid(added, vendor, entry);
	return added;
}

/* Host code: userspace's own entry. */

static const struct kvm_cpuid_entry2 any_index = {
	.function = KVM_CPUID_EXIT_STATS,
	.eax = 0x11111111,
	.ebx = 0x22222222,
	.ecx = 0x33333333,
	.edx = 0x44444444,
};

static struct es_regs entry_regs(const struct kvm_cpuid_entry2 *e)
{
	return (struct es_regs){ e->eax, e->ebx, e->ecx, e->edx };
}

static void expect_entry(int i, const struct kvm_cpuid_entry2 *entry)
{
	struct es_regs expected = entry_regs(entry);

	ES_EXPECT(es_same(lookups[i].leaf, expected),
		  "ECX %#x: expected userspace's " ES_FMT ", got " ES_FMT, inputs[i],
		  ES_ARGS(expected), ES_ARGS(lookups[i].leaf));
}

static void test_entry(void)
{
	int i;

	run_lookups(add_vcpu(INTEL, &any_index));
	for (i = 0; i < ARRAY_SIZE(inputs); i++)
		expect_entry(i, &any_index);
}

static void test_entry_of_zeros(void)
{
	struct kvm_cpuid_entry2 zeros = { .function = KVM_CPUID_EXIT_STATS };
	int i;

	run_lookups(add_vcpu(INTEL, &zeros));
	for (i = 0; i < ARRAY_SIZE(inputs); i++)
		expect_entry(i, &zeros);
}

/* One entry of the leaf, and KVM's own lookup decides for all of ECX. */
static void test_entry_for_index(enum vendor vendor)
{
	struct kvm_cpuid_entry2 entry = any_index;
	int i;

	entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	entry.index = ES_SELECTOR(ES_INFO, 0, 0);

	run_lookups(add_vcpu(vendor, &entry));
	for (i = 0; i < ARRAY_SIZE(inputs); i++) {
		if (inputs[i] == entry.index)
			expect_entry(i, &entry);
		else
			check_unpatched(i, vendor);
	}
}

static void test_entry_for_index_intel(void)
{
	test_entry_for_index(INTEL);
}

static void test_entry_for_index_amd(void)
{
	test_entry_for_index(AMD);
}

/* Host code: a VM without the leaf. */

static void test_without(enum vendor vendor)
{
	struct kvm_vm *without = es_create_empty_vm();
	struct kvm_vcpu *v;
	int i;

	vm_enable_cap(without, KVM_CAP_X86_EXIT_STATS, 0);
	v = es_add_vcpu(without, 0);
	set_cpuid(v, vendor, NULL);
	run_lookups(v);
	for (i = 0; i < ARRAY_SIZE(inputs); i++)
		check_unpatched(i, vendor);

	/* Userspace's entry has the last word there as well. */
	v = es_add_vcpu(without, 1);
	set_cpuid(v, vendor, &any_index);
	run_lookups(v);
	for (i = 0; i < ARRAY_SIZE(inputs); i++)
		expect_entry(i, &any_index);

	kvm_vm_free(without);
}

static void test_without_intel(void)
{
	test_without(INTEL);
}

static void test_without_amd(void)
{
	test_without(AMD);
}

/* With the leaf, it answers for whatever vendor the guest thinks it runs on. */
static void test_vendors(void)
{
	int i, vendor;

	for (vendor = INTEL; vendor <= AMD; vendor++) {
		run_lookups(add_vcpu(vendor, NULL));
		for (i = 0; i < ARRAY_SIZE(inputs); i++)
			if (inputs[i] == ES_SELECTOR(ES_INFO, 0, 0))
				ES_EXPECT(es_same(lookups[i].leaf, es_info[0]),
					  "%.12s: expected INFO " ES_FMT ", got " ES_FMT,
					  vendor_strings[vendor], ES_ARGS(es_info[0]),
					  ES_ARGS(lookups[i].leaf));
	}
}

/* Host code: CPUID faulting. */

/* Let @sregs run at privilege level 3, and come back there from a handler. */
static void set_user_mode(struct kvm_sregs *sregs)
{
	u64 *gdt = addr_gva2hva(vm, sregs->gdt.base);
	u8 *tss = addr_gva2hva(vm, sregs->tr.base);
	u64 rsp0 = es_stack_top(HANDLER_STACK) & ~0xful;

	gdt[ES_USER_DS / 8] = USER_DS_DESC;
	gdt[ES_USER_CS / 8] = USER_CS_DESC;
	memcpy(tss + 4, &rsp0, sizeof(rsp0));

	es_set_segments(sregs, 0, 0xffffffff, ES_USER_LONG);
}

static void ask(bool user, bool emulate)
{
	struct kvm_sregs kernel_sregs, sregs;

	vcpu_sregs_get(vcpu, &kernel_sregs);
	sregs = kernel_sregs;
	if (user) {
		es_make_user_accessible(vm);
		set_user_mode(&sregs);
		vcpu_sregs_set(vcpu, &sregs);
		/* Let it get out by OUT. */
		es_rflags |= ES_RFLAGS_IOPL3;
	}

	es_run(vcpu, guest_ask, emulate, 0);

	es_rflags &= ~ES_RFLAGS_IOPL3;
	vcpu_sregs_set(vcpu, &kernel_sregs);
	ES_FETCH(vm, nr_faults);
	ES_FETCH(vm, answer);
}

static void expect_info(const char *where)
{
	ES_EXPECT(!nr_faults, "%s: expected no #GP, got %lu", where, nr_faults);
	ES_EXPECT(es_same(answer, es_info[0]), "%s: expected INFO " ES_FMT ", got " ES_FMT,
		  where, ES_ARGS(es_info[0]), ES_ARGS(answer));
}

static void expect_fault(const char *where)
{
	ES_EXPECT(nr_faults == 1, "%s: expected one #GP, got %lu", where, nr_faults);
	ES_EXPECT(answer.eax == KVM_CPUID_EXIT_STATS && answer.ecx == ES_SELECTOR(ES_INFO, 0, 0),
		  "%s: expected EAX and ECX as they were, got " ES_FMT, where,
		  ES_ARGS(answer));
}

/* CPUID faulting applies as to any leaf: #GP at privilege level 3. */
static void test_faulting(bool emulate)
{
	ask(true, emulate);
	expect_info("user mode, no faulting");

	if (_vcpu_set_msr(vcpu, MSR_MISC_FEATURES_ENABLES,
			  MSR_MISC_FEATURES_ENABLES_CPUID_FAULT) != 1)
		ES_SKIP("KVM does not support CPUID faulting");

	ask(true, emulate);
	expect_fault("user mode, faulting");
	ask(false, emulate);
	expect_info("kernel mode, faulting");

	vcpu_set_msr(vcpu, MSR_MISC_FEATURES_ENABLES, 0);
	ask(true, emulate);
	expect_info("user mode, faulting switched off");
}

static void test_faulting_exit(void)
{
	test_faulting(false);
}

/* Host code: KVM's emulator. */

static void test_emulator(void)
{
	int i;

	if (!es_have_fep())
		ES_SKIP(ES_NO_FEP);

	es_run(vcpu, guest_emulated_reads, 0, 0);
	ES_FETCH(vm, emulated);

	ES_EXPECT(es_same(emulated.info[0], es_info[0]), "Expected INFO " ES_FMT ", got " ES_FMT,
		  ES_ARGS(es_info[0]), ES_ARGS(emulated.info[0]));
	/* The number of vCPUs has grown. */
	ES_EXPECT(emulated.info[1].eax == es_info[1].eax && emulated.info[1].ebx == nr_vcpus &&
		  emulated.info[1].ecx == es_info[1].ecx && emulated.info[1].edx == es_info[1].edx,
		  "Expected INFO 1 %08x:%08x:%08x:%08x, got " ES_FMT, es_info[1].eax, nr_vcpus,
		  es_info[1].ecx, es_info[1].edx, ES_ARGS(emulated.info[1]));
	ES_EXPECT(es_same(emulated.undefined, es_error),
		  "Expected the error " ES_FMT ", got " ES_FMT,
		  ES_ARGS(es_error), ES_ARGS(emulated.undefined));

	/* The exit is that of the prefix, an invalid opcode, and no CPUID. */
	for (i = 1; i < 3; i++) {
		ES_EXPECT(emulated.cpuid[i].count == emulated.cpuid[0].count,
			  "Expected %lu CPUID exits as before, got %lu",
			  emulated.cpuid[0].count, emulated.cpuid[i].count);
		ES_EXPECT(emulated.ud[i].count == emulated.ud[i - 1].count + 1,
			  "Expected %lu #UD exits, got %lu",
			  emulated.ud[i - 1].count + 1, emulated.ud[i].count);
	}
}

static void test_emulator_faulting(void)
{
	if (!es_have_fep())
		ES_SKIP(ES_NO_FEP);

	test_faulting(true);
}

static const struct es_case cases[] = {
	{ "KVM_SET_CPUID2 entry for any index", test_entry },
	{ "KVM_SET_CPUID2 entry of zeros", test_entry_of_zeros },
	{ "KVM_SET_CPUID2 entry for one index, Intel guest", test_entry_for_index_intel },
	{ "KVM_SET_CPUID2 entry for one index, AMD guest", test_entry_for_index_amd },
	{ "VM without the leaf, Intel guest", test_without_intel },
	{ "VM without the leaf, AMD guest", test_without_amd },
	{ "VM with the leaf, Intel and AMD guest", test_vendors },
	{ "CPUID faulting", test_faulting_exit },
	{ "emulated CPUID", test_emulator },
	{ "emulated CPUID, CPUID faulting", test_emulator_faulting },
};

int main(int argc, char *argv[])
{
	es_start();
	vm = es_create_vm(1, &vcpu);
	vm_install_exception_handler(vm, GP_VECTOR, guest_gp_handler);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
