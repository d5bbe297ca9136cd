// SPDX-License-Identifier: GPL-2.0-only
/*
 * INFO, what a client reads first: is the leaf there, which views answer, of
 * what VM.
 */
#include "exit_stats.h"

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;
static u32 nr_vcpus = 1;

/* Guest code. */

static struct es_regs info[ES_NR_INFOS], first[2];
static struct {
	struct es_sample info, total;
} ages[2];
static bool stop;
static u32 least_vcpus, most_vcpus, vcpus_after_stop;

static void guest_info(u16 reason)
{
	int i;

	for (i = 0; i < ES_NR_INFOS; i++)
		info[i] = es_read(ES_INFO, i, reason);
	ES_GUEST_DONE();
}

static void guest_ages(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ages); i++) {
		ages[i].total = es_read_sample(ES_TOTAL, ES_VM, 0);
		ages[i].info = es_read_sample(ES_INFO, 2, 0);
		ES_GUEST_SYNC();
	}
	ES_GUEST_DONE();
}

static void guest_first_reads(void)
{
	first[0] = es_read(ES_REASON, ES_VCPU, es_code(ES_CPUID));
	first[1] = es_read(ES_REASON, ES_VCPU, es_code(ES_CPUID));
	ES_GUEST_DONE();
}

static void guest_poll_vcpus(void)
{
	u32 nr;

	least_vcpus = UINT32_MAX;
	while (!READ_ONCE(stop)) {
		nr = es_read(ES_INFO, 1, 0).ebx;
		least_vcpus = min(least_vcpus, nr);
		most_vcpus = max(most_vcpus, nr);
		ES_GUEST_SYNC();
	}
	vcpus_after_stop = es_read(ES_INFO, 1, 0).ebx;
	ES_GUEST_DONE();
}

/* Host code. */

static void read_info(struct kvm_vcpu *reader, u16 reason)
{
	es_run(reader, guest_info, reason, 0);
	ES_FETCH(vm, info);
}

static void test_version(void)
{
	ES_EXPECT(es_has_signature(es_info[0]),
		  "Expected 'KVMExitStats' in EBX:ECX:EDX, got EAX:EBX:ECX:EDX = " ES_FMT,
		  ES_ARGS(es_info[0]));
	ES_EXPECT((u16)es_info[0].eax == KVM_EXIT_STATS_ABI_VERSION,
		  "Expected ABI version %u, got %u", KVM_EXIT_STATS_ABI_VERSION,
		  (u16)es_info[0].eax);
}

/* Bit 16+n of EAX is set if view n exists; there is no CAUSE yet. */
static void test_view_bits(void)
{
	ES_EXPECT(es_info[0].eax == ES_INFO_EAX, "Expected EAX %#x, got %#x", ES_INFO_EAX,
		  es_info[0].eax);
}

/* The reason is not an input of INFO. */
static void test_info_ignores_reason(void)
{
	int i;

	read_info(vcpu, KVM_EXIT_STATS_REASON_MASK);
	for (i = 0; i < 2; i++)
		ES_EXPECT(es_same(info[i], es_info[i]),
			  "Expected INFO %d with reason 0x7ff to be " ES_FMT ", got " ES_FMT,
			  i, ES_ARGS(es_info[i]), ES_ARGS(info[i]));
	ES_EXPECT(es_pair_b(info[2]) == es_pair_b(es_info[2]),
		  "Expected INFO 2 with reason 0x7ff to have generation %#lx, got %#lx",
		  es_pair_b(es_info[2]), es_pair_b(info[2]));
}

static void test_isa(void)
{
	u32 isa = es_isa()->id | KVM_EXIT_STATS_COUNTING;

	ES_EXPECT(es_info[1].eax == isa, "Expected EAX %#x (%s, counting), got %#x",
		  isa, es_isa()->name, es_info[1].eax);
	ES_EXPECT(es_info[1].edx == KVM_EXIT_STATS_NR_BUCKETS,
		  "Expected %u histogram buckets, got %u", KVM_EXIT_STATS_NR_BUCKETS,
		  es_info[1].edx);
}

/* Bit 8 says whether VM-Exits are being counted, as the parameter does, at once. */
static void test_counting(void)
{
	u32 expected;
	int i;

	for (i = 0; i < 4; i++) {
		es_set_param(ES_PARAM_ACCOUNT, i & 1 ? "Y" : "N");
		read_info(vcpu, 0);
		expected = es_isa()->id | (i & 1 ? KVM_EXIT_STATS_COUNTING : 0);
		ES_EXPECT(info[1].eax == expected, "exit_stats=%c: expected EAX %#x, got %#x",
			  "NY"[i & 1], expected, info[1].eax);
	}
}

static struct {
	u64 start, end;
} syncs[ARRAY_SIZE(ages)];
static int nr_syncs;

static void stay_in_userspace(struct kvm_vcpu *vcpu)
{
	syncs[nr_syncs].start = rdtsc();
	usleep(1000);
	syncs[nr_syncs++].end = rdtsc();
}

/*
 * The age is host TSC ticks since the counters began, with the VM: the host sees
 * as many pass, and the handling cycles are part of them.
 */
static void test_age(void)
{
	u64 vm_created = rdtsc(), most, growth, least;
	struct kvm_vcpu *fresh;
	struct kvm_vm *new = es_create_any_vm(1, &fresh);
	int i;

	es_run_hook(fresh, guest_ages, 0, 0, stay_in_userspace);
	ES_FETCH(new, ages);
	kvm_vm_free(new);

	for (i = 0; i < ARRAY_SIZE(ages); i++) {
		most = syncs[i].start - vm_created;
		ES_EXPECT(ages[i].info.count <= most, "Expected an age of at most %lu, got %lu",
			  most, ages[i].info.count);
		ES_EXPECT(ages[i].total.cycles < ages[i].info.count,
			  "Expected less handling cycles than an age of %lu, got %lu",
			  ages[i].info.count, ages[i].total.cycles);
	}
	growth = ages[1].info.count - ages[0].info.count;
	least = syncs[0].end - syncs[0].start;
	ES_EXPECT(growth >= least, "Expected the age to grow by at least %lu, got %lu",
		  least, growth);
}

/* The generation is a VM's: the same on all of its vCPUs, and no other VM's. */
static void test_generation(void)
{
	struct kvm_vcpu *added = es_add_vcpu(vm, nr_vcpus++), *others[2];
	u64 mine = es_pair_b(es_info[2]), generation[ARRAY_SIZE(others)];
	struct kvm_vm *new;
	int i;

	read_info(added, 0);
	ES_EXPECT(es_pair_b(info[2]) == mine,
		  "Expected generation %#lx on the added vCPU, got %#lx", mine,
		  es_pair_b(info[2]));

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		new = es_create_any_vm(1, &others[i]);
		es_run(others[i], guest_info, 0, 0);
		generation[i] = es_pair_b(es_guest(new, info)[0][2]);
		kvm_vm_free(new);
	}
	ES_EXPECT(generation[0] != mine && generation[1] != mine && generation[0] != generation[1],
		  "Expected three VMs to differ, got generations %#lx, %#lx, %#lx", mine,
		  generation[0], generation[1]);
}

/* 0 if unknown; KVM measured it, and userspace may have a better idea. */
static void test_tsc_khz(void)
{
	int expected = __vcpu_ioctl(vcpu, KVM_GET_TSC_KHZ, NULL);
	int actual = es_info[1].ecx;

	if (expected <= 0)
		ES_SKIP("KVM does not know the frequency of the TSC");
	ES_EXPECT(!actual || abs(actual - expected) <= expected / 8,
		  "Expected 0 or about %d kHz, got %d", expected, actual);
}

static void test_nr_vcpus(void)
{
	struct kvm_vcpu *added;

	read_info(vcpu, 0);
	ES_EXPECT(info[1].ebx == nr_vcpus, "Expected %u vCPUs, got %u", nr_vcpus, info[1].ebx);

	added = es_add_vcpu(vm, nr_vcpus);
	nr_vcpus++;

	read_info(vcpu, 0);
	ES_EXPECT(info[1].ebx == nr_vcpus, "Expected %u vCPUs after adding one, got %u",
		  nr_vcpus, info[1].ebx);

	read_info(added, 0);
	ES_EXPECT(info[1].ebx == nr_vcpus, "Expected %u vCPUs on the added one, got %u",
		  nr_vcpus, info[1].ebx);
}

static void test_add_vcpu_meanwhile(void)
{
	struct es_job job = { vcpu, guest_poll_vcpus };

	es_spawn(&job);
	es_wait_synced();
	es_add_vcpu(vm, nr_vcpus);
	nr_vcpus++;
	WRITE_ONCE(*es_guest(vm, stop), true);
	es_join(&job);

	ES_FETCH(vm, least_vcpus);
	ES_FETCH(vm, most_vcpus);
	ES_FETCH(vm, vcpus_after_stop);

	ES_EXPECT(least_vcpus == nr_vcpus - 1, "Expected %u vCPUs at first, got %u",
		  nr_vcpus - 1, least_vcpus);
	ES_EXPECT(most_vcpus <= nr_vcpus, "Expected never more than %u vCPUs, got %u",
		  nr_vcpus, most_vcpus);
	ES_EXPECT(vcpus_after_stop == nr_vcpus, "Expected %u vCPUs at last, got %u",
		  nr_vcpus, vcpus_after_stop);
}

/* A read sees its own exit counted, and its cycles not yet. */
static void test_first_read(void)
{
	struct kvm_vcpu *fresh = es_add_vcpu(vm, nr_vcpus);

	nr_vcpus++;
	es_run(fresh, guest_first_reads, 0, 0);
	ES_FETCH(vm, first);

	ES_EXPECT(es_pair_a(first[0]) == 1 && es_pair_b(first[0]) == 0,
		  "Expected a vCPU's first CPUID to read 1 exit and 0 cycles, got %lu and %lu",
		  es_pair_a(first[0]), es_pair_b(first[0]));
	ES_EXPECT(es_pair_a(first[1]) == 2 && es_pair_b(first[1]) > 0,
		  "Expected the second to read 2 exits and the cycles of one, got %lu and %lu",
		  es_pair_a(first[1]), es_pair_b(first[1]));
}

/*
 * Userspace gives the guest what KVM_GET_SUPPORTED_CPUID lists, and an entry of
 * the leaf has the last word: listing it would freeze the counters.
 */
static void test_not_listed(void)
{
	const struct kvm_cpuid2 *cpuid = kvm_get_supported_cpuid();
	int i;

	for (i = 0; i < cpuid->nent; i++)
		ES_EXPECT(cpuid->entries[i].function != KVM_CPUID_EXIT_STATS,
			  "Expected no entry %#x, got one", KVM_CPUID_EXIT_STATS);
}

static const struct es_case cases[] = {
	{ "signature and ABI version", test_version },
	{ "view bits", test_view_bits },
	{ "INFO does not look at the reason", test_info_ignores_reason },
	{ "instruction set and number of buckets", test_isa },
	{ "whether VM-Exits are being counted", test_counting },
	{ "age of the counters", test_age },
	{ "generation of the counters", test_generation },
	{ "frequency of the TSC", test_tsc_khz },
	{ "number of vCPUs, before and after one more", test_nr_vcpus },
	{ "number of vCPUs, one more while the first runs", test_add_vcpu_meanwhile },
	{ "a read sees its own exit, and not its cycles", test_first_read },
	{ "KVM_GET_SUPPORTED_CPUID does not list the leaf", test_not_listed },
};

int main(int argc, char *argv[])
{
	es_start();
	vm = es_create_vm(1, &vcpu);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
