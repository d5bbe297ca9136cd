// SPDX-License-Identifier: GPL-2.0-only
/*
 * Consent: a VM keeps the leaf, or keeps being without it, as the module's
 * parameter exit_stats_leaf said when it was created, or as its VMM said with
 * KVM_CAP_X86_EXIT_STATS before the first vCPU.
 */
#include "exit_stats.h"

#define CAP	KVM_CAP_X86_EXIT_STATS

/* Host code. */

static int enable_cap(struct kvm_vm *vm, u64 arg, u32 flags)
{
	struct kvm_enable_cap cap = { .cap = CAP, .flags = flags, .args = { arg } };

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

static void expect_refused(struct kvm_vm *vm, u64 arg, u32 flags, const char *when)
{
	int r = enable_cap(vm, arg, flags), err = errno;

	ES_EXPECT(r == -1 && err == EINVAL,
		  "args[0] %#lx, flags %#x, %s: expected EINVAL, got %d (%s)",
		  arg, flags, when, r, r ? strerror(err) : "success");
}

static void expect_accepted(struct kvm_vm *vm, u64 arg)
{
	int r = enable_cap(vm, arg, 0);

	ES_EXPECT(!r, "args[0] %lu: expected success, got %s", arg, strerror(errno));
}

static void expect_leaf(struct kvm_vcpu *vcpu, bool expected, const char *when)
{
	bool has_leaf = es_read_info(vcpu);

	ES_EXPECT(has_leaf == expected, "%s: expected %s leaf, got INFO " ES_FMT, when,
		  expected ? "the" : "no", ES_ARGS(es_info[0]));
}

static struct kvm_vm *create_vm(bool leaf_param)
{
	struct kvm_vm *vm;

	es_set_param(ES_PARAM_LEAF, leaf_param ? "Y" : "N");
	vm = es_create_empty_vm();
	es_set_param(ES_PARAM_LEAF, "Y");
	return vm;
}

static void test_check_extension(void)
{
	struct kvm_vm *vm = es_create_empty_vm();
	int i, r;

	for (i = 0; i < 2; i++) {
		r = kvm_check_cap(CAP);
		ES_EXPECT(r == 1, "Expected KVM to say 1, got %d", r);
		r = vm_check_cap(vm, CAP);
		ES_EXPECT(r == 1, "Expected the VM to say 1, got %d", r);

		/* Whatever the parameter is, VMMs can set it. */
		es_set_param(ES_PARAM_LEAF, i ? "Y" : "N");
	}
	kvm_vm_free(vm);
}

/* What decides, in the order in which it is said; -1 where nobody said it. */
static const struct {
	const char *name;
	int param, caps[2];
	bool leaf;
} choices[] = {
	{ "parameter Y",			1, { -1, -1 }, true },
	{ "parameter N",			0, { -1, -1 }, false },
	{ "parameter Y, capability 0",		1, { 0, -1 }, false },
	{ "parameter Y, capability 1",		1, { 1, -1 }, true },
	{ "parameter N, capability 0",		0, { 0, -1 }, false },
	{ "parameter N, capability 1",		0, { 1, -1 }, true },
	{ "parameter Y, capability 0, then 1",	1, { 0, 1 }, true },
	{ "parameter N, capability 1, then 0",	0, { 1, 0 }, false },
};

static void test_choices(void)
{
	struct kvm_vm *vm;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(choices); i++) {
		vm = create_vm(choices[i].param);
		for (j = 0; j < ARRAY_SIZE(choices[i].caps) && choices[i].caps[j] >= 0; j++)
			expect_accepted(vm, choices[i].caps[j]);
		expect_leaf(es_add_vcpu(vm, 0), choices[i].leaf, choices[i].name);
		/* And so it is for every vCPU. */
		expect_leaf(es_add_vcpu(vm, 1), choices[i].leaf, choices[i].name);
		kvm_vm_free(vm);
	}
}

static void test_bad_args(void)
{
	static const u64 bad[] = { 2, 3, BIT_ULL(31), BIT_ULL(32), BIT_ULL(32) | 1, -1ull };
	struct kvm_vm *vm;
	int i, leaf;

	for (leaf = 0; leaf < 2; leaf++) {
		vm = create_vm(leaf);
		for (i = 0; i < ARRAY_SIZE(bad); i++)
			expect_refused(vm, bad[i], 0, "before the first vCPU");
		expect_refused(vm, !leaf, 1, "before the first vCPU");
		expect_refused(vm, !leaf, BIT(31), "before the first vCPU");
		/* What was refused has changed nothing. */
		expect_leaf(es_add_vcpu(vm, 0), leaf, "after bad arguments");
		kvm_vm_free(vm);
	}
}

static void test_after_first_vcpu(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int leaf, arg;

	for (leaf = 0; leaf < 2; leaf++) {
		vm = create_vm(leaf);
		vcpu = es_add_vcpu(vm, 0);
		for (arg = 0; arg < 2; arg++)
			expect_refused(vm, arg, 0, "after the first vCPU");
		expect_leaf(vcpu, leaf, "after the first vCPU");
		for (arg = 0; arg < 2; arg++)
			expect_refused(vm, arg, 0, "after it ran");
		expect_leaf(vcpu, leaf, "after it ran");
		kvm_vm_free(vm);
	}
}

/* The parameter is about VMs that are created from now on, and no others. */
static void test_param_under_guests(void)
{
	struct kvm_vm *with = create_vm(true), *without = create_vm(false);
	struct kvm_vcpu *vcpus[2] = { es_add_vcpu(with, 0), es_add_vcpu(without, 0) };
	int i;

	for (i = 0; i < 4; i++) {
		es_set_param(ES_PARAM_LEAF, i & 1 ? "Y" : "N");
		expect_leaf(vcpus[0], true, "born with the leaf");
		expect_leaf(vcpus[1], false, "born without the leaf");
	}

	/* Nor is it about vCPUs that come later. */
	es_set_param(ES_PARAM_LEAF, "N");
	expect_leaf(es_add_vcpu(with, 1), true, "second vCPU, born with the leaf");
	es_set_param(ES_PARAM_LEAF, "Y");
	expect_leaf(es_add_vcpu(without, 1), false, "second vCPU, born without the leaf");

	kvm_vm_free(with);
	kvm_vm_free(without);
}

/* What a guest cannot see is counted all the same, for the host. */
static void test_counts_without(void)
{
	struct kvm_vm *vm = create_vm(false);
	struct kvm_vcpu *vcpu = es_add_vcpu(vm, 0);
	struct es_binary_stats stats;
	int cpuid = es_find_reason(es_code(ES_CPUID));

	expect_leaf(vcpu, false, "born without the leaf");
	es_read_binary_stats(vcpu, &stats);
	ES_EXPECT(stats.exit_reasons[cpuid] == ES_NR_INFOS, "Expected %d CPUID exits, got %lu",
		  ES_NR_INFOS, stats.exit_reasons[cpuid]);
	kvm_vm_free(vm);
}

static const struct es_case cases[] = {
	{ "KVM_CHECK_EXTENSION", test_check_extension },
	{ "the parameter, and after it the capability, decide", test_choices },
	{ "bad arguments and flags", test_bad_args },
	{ "after the first vCPU", test_after_first_vcpu },
	{ "exit_stats_leaf under guests", test_param_under_guests },
	{ "a VM without the leaf is counted", test_counts_without },
};

int main(int argc, char *argv[])
{
	es_start();
	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));
	ksft_finished();
}
