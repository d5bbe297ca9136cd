// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose exits are counted: scope 0 is the whole VM, i.e. the sum over its
 * vCPUs, scope 1 is the vCPU that asks, and no VM sees another.
 */
#include "exit_stats.h"

/* What a guest does at each step of its loop, and how many steps it takes. */
#define NR_STEPS	300

enum mix {
	MIX_READER,	/* CPUID, RDMSR, I/O that KVM answers */
	MIX_CALLER,	/* CPUID, hypercalls, I/O that userspace answers */
	NR_MIXES,
};

static struct kvm_vm *vm, *other_vm;
static struct kvm_vcpu *vcpus[2], *other_vcpu;

/* Guest code. */

static struct es_snapshot before[2], after[2];
/* Of the whole VM and of the vCPU, taken by one of them. */
static struct es_snapshot both[ES_NR_SCOPES];

static void guest_step(enum mix mix)
{
	es_cpuid(0, 0);
	if (mix == MIX_READER) {
		rdmsr(MSR_MISC_FEATURES_ENABLES);
		es_inb(ES_KERNEL_PORT);
	} else {
		es_hypercall();
		es_hypercall();
		es_inb(ES_USER_PORT);
	}
}

static void guest_mix(enum mix mix, u8 scope)
{
	int i;

	es_take_snapshot(&before[mix], scope);
	for (i = 0; i < NR_STEPS; i++)
		guest_step(mix);
	es_take_snapshot(&after[mix], scope);
	ES_GUEST_DONE();
}

static void guest_snapshot(u8 scope)
{
	es_take_snapshot(&both[scope], scope);
	ES_GUEST_DONE();
}

static void guest_both_snapshots(void)
{
	es_take_snapshot(&both[ES_VM], ES_VM);
	es_take_snapshot(&both[ES_VCPU], ES_VCPU);
	ES_GUEST_DONE();
}

/* Host code. */

static void check_mix(struct kvm_vm *of, enum mix mix)
{
	struct es_growth expected[NR_MIXES][3] = {
		[MIX_READER] = {
			{ es_code(ES_CPUID), NR_STEPS },
			{ es_code(ES_RDMSR), NR_STEPS },
			{ es_code(ES_IO), NR_STEPS },
		},
		[MIX_CALLER] = {
			{ es_code(ES_CPUID), NR_STEPS },
			{ es_code(ES_HYPERCALL), 2 * NR_STEPS },
			{ es_code(ES_IO), NR_STEPS },
		},
	};

	before[mix] = *es_guest(of, before[mix]);
	after[mix] = *es_guest(of, after[mix]);
	es_check_growth(&before[mix], &after[mix], expected[mix], ARRAY_SIZE(expected[mix]),
			NULL);
}

/*
 * Run both mixes at once, and see in @scope what each did.  The first run, one
 * after the other, takes the exits for first touches of code and data.
 */
static void run_mixes(struct kvm_vcpu *reader, struct kvm_vcpu *caller, u8 scope)
{
	struct es_job read = { reader, guest_mix, MIX_READER, scope };
	struct es_job call = { caller, guest_mix, MIX_CALLER, scope };

	es_run(reader, guest_mix, MIX_READER, scope);
	es_run(caller, guest_mix, MIX_CALLER, scope);

	es_spawn(&read);
	es_spawn(&call);
	es_join(&read);
	es_join(&call);

	check_mix(reader->vm, MIX_READER);
	check_mix(caller->vm, MIX_CALLER);
}

static void test_two_vcpus(void)
{
	run_mixes(vcpus[0], vcpus[1], ES_VCPU);

	/* The counts of a vCPU do not leak into those of another. */
	ES_EXPECT(!es_count_of(&after[MIX_READER], ES_HYPERCALL),
		  "Expected no hypercalls of vCPU 0, got %lu",
		  es_count_of(&after[MIX_READER], ES_HYPERCALL));
	/* SVM has one code for reading and writing MSRs; nobody writes here. */
	ES_EXPECT(!es_count_of(&after[MIX_CALLER], ES_RDMSR),
		  "Expected no RDMSR of vCPU 1, got %lu",
		  es_count_of(&after[MIX_CALLER], ES_RDMSR));
}

/*
 * With vCPU 1 out of KVM_RUN its counts stand still, but for the exit by which
 * it got out.  What vCPU 0 reads of the VM is the sum of both.
 */
static void test_sum(void)
{
	struct es_sample whole, mine, foreign;
	struct es_snapshot vcpu1;
	u32 code;
	int i;

	es_run(vcpus[1], guest_snapshot, ES_VCPU, 0);
	vcpu1 = *es_guest(vm, both[ES_VCPU]);
	es_run(vcpus[0], guest_both_snapshots, 0, 0);
	ES_FETCH(vm, both);

	es_check_sum(&vcpu1);
	es_check_sum(&both[ES_VM]);
	es_check_sum(&both[ES_VCPU]);

	for (i = 0; i < es_isa()->nr_reasons; i++) {
		code = es_code_of(i);
		if (es_has_code(&es_isa()->async, code))
			continue;

		whole = both[ES_VM].reason[i];
		mine = both[ES_VCPU].reason[i];
		foreign = vcpu1.reason[i];

		/* Take back the reads between the two snapshots of vCPU 0. */
		if (code == es_code(ES_CPUID)) {
			mine.count -= both[ES_VCPU].reads - both[ES_VM].reads;
			/* And add those of vCPU 1 after its own. */
			foreign.count += es_guest(vm, es_reads)[0][vcpus[1]->id] - vcpu1.reads;
		}
		if (code == es_code(ES_IO))
			foreign.count++;

		ES_EXPECT(whole.count == mine.count + foreign.count,
			  "%s: expected the VM to have %lu + %lu exits, got %lu",
			  es_name(code), mine.count, foreign.count, whole.count);

		/* Neither vCPU had such exits between the snapshots. */
		if (code == es_code(ES_CPUID) || code == es_code(ES_IO))
			continue;
		ES_EXPECT(whole.cycles == mine.cycles + foreign.cycles,
			  "%s: expected the VM to have %lu + %lu cycles, got %lu",
			  es_name(code), mine.cycles, foreign.cycles, whole.cycles);
	}
}

/* Two vCPUs at once can take at most twice what passed. */
static void test_cycles(void)
{
	u64 start = rdtsc(), elapsed, growth;
	struct es_snapshot first;

	es_run(vcpus[0], guest_snapshot, ES_VM, 0);
	first = *es_guest(vm, both[ES_VM]);
	run_mixes(vcpus[0], vcpus[1], ES_VCPU);
	es_run(vcpus[0], guest_snapshot, ES_VM, 0);
	both[ES_VM] = *es_guest(vm, both[ES_VM]);
	elapsed = rdtsc() - start;

	growth = both[ES_VM].total.cycles - first.total.cycles;
	ES_EXPECT(growth <= 2 * elapsed, "Expected at most 2 * %lu cycles, got %lu",
		  elapsed, growth);
}

/* Counters start at 0 with the VM, however much went on in others. */
static void test_new_vm(void)
{
	struct es_snapshot s;

	es_run(other_vcpu, guest_snapshot, ES_VM, 0);
	s = *es_guest(other_vm, both[ES_VM]);
	es_check_sum(&s);

	/* All its CPUIDs were reads; it stopped once, after reading INFO. */
	ES_EXPECT(es_count_of(&s, ES_CPUID) == s.reads, "Expected %lu CPUID exits, got %lu",
		  s.reads, es_count_of(&s, ES_CPUID));
	ES_EXPECT(es_count_of(&s, ES_IO) == 1, "Expected 1 I/O exit, got %lu",
		  es_count_of(&s, ES_IO));
	ES_EXPECT(!es_count_of(&s, ES_HYPERCALL), "Expected no hypercalls, got %lu",
		  es_count_of(&s, ES_HYPERCALL));
	ES_EXPECT(es_info[1].ebx == 1, "Expected 1 vCPU, got %u", es_info[1].ebx);
}

static void test_two_vms(void)
{
	run_mixes(vcpus[0], other_vcpu, ES_VM);
}

/* The end of one VM changes nothing in another. */
static void test_freed_vm(void)
{
	u64 calls, now;

	es_run(vcpus[0], guest_snapshot, ES_VM, 0);
	calls = es_count_of(es_guest(vm, both[ES_VM]), ES_HYPERCALL);

	kvm_vm_free(other_vm);

	es_run(vcpus[0], guest_snapshot, ES_VM, 0);
	both[ES_VM] = *es_guest(vm, both[ES_VM]);
	es_check_sum(&both[ES_VM]);
	now = es_count_of(&both[ES_VM], ES_HYPERCALL);
	ES_EXPECT(now == calls, "Expected %lu hypercalls as before, got %lu", calls, now);
}

static const struct es_case vm_cases[] = {
	{ "two vCPUs at once, each sees its own exits", test_two_vcpus },
	{ "the VM's exits are the sum over its vCPUs", test_sum },
	{ "two vCPUs at once, cycles are at most twice what passed", test_cycles },
};

static const struct es_case two_vms_cases[] = {
	{ "a new VM starts at 0", test_new_vm },
	{ "two VMs at once, each sees its own exits", test_two_vms },
	{ "a VM is freed, the other goes on", test_freed_vm },
};

int main(int argc, char *argv[])
{
	es_start();
	vm = es_create_vm(2, vcpus);

	ksft_set_plan(ARRAY_SIZE(vm_cases) + ARRAY_SIZE(two_vms_cases));
	es_run_cases(vm_cases, ARRAY_SIZE(vm_cases));

	other_vm = es_create_vm(1, &other_vcpu);
	es_run_cases(two_vms_cases, ARRAY_SIZE(two_vms_cases));

	kvm_vm_free(vm);
	ksft_finished();
}
