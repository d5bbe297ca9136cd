// SPDX-License-Identifier: GPL-2.0-only
/*
 * INFO, what a client reads first: is the leaf there, which views answer, of
 * what VM.
 */
#include "exit_stats.h"

#define NR_VIEWS	256
/* Garbage, as left in ECX by a client that knows nothing of views. */
#define GARBAGE_INDEX	0xff
#define GARBAGE_REASON	0xdead

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;
static u32 nr_vcpus = 1;

/* Guest code. */

static struct es_regs info[2], first[2];
static struct {
	struct es_sample before, after;
	struct es_regs answer;
} views[NR_VIEWS];
static bool stop;
static u32 least_vcpus, most_vcpus, vcpus_after_stop;

static void guest_info(u16 reason)
{
	info[0] = es_read(ES_INFO, 0, reason);
	info[1] = es_read(ES_INFO, 1, reason);
	ES_GUEST_DONE();
}

static void guest_first_reads(void)
{
	first[0] = es_read(ES_REASON, ES_VCPU, es_code(ES_CPUID));
	first[1] = es_read(ES_REASON, ES_VCPU, es_code(ES_CPUID));
	ES_GUEST_DONE();
}

static void guest_all_views(void)
{
	int view;

	for (view = 0; view < NR_VIEWS; view++) {
		views[view].before = es_read_sample(ES_TOTAL, ES_VM, 0);
		views[view].answer = es_read(view, GARBAGE_INDEX, GARBAGE_REASON);
		views[view].after = es_read_sample(ES_TOTAL, ES_VM, 0);
	}
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
	memcpy(info, es_guest(vm, info), sizeof(info));
}

static void test_version(void)
{
	ES_EXPECT(es_has_signature(es_info[0]),
		  "Expected 'KVMExitStats' in EBX:ECX:EDX, got EAX:EBX:ECX:EDX = " ES_FMT,
		  ES_ARGS(es_info[0]));
	ES_EXPECT((u16)es_info[0].eax == EXIT_STATS_VERSION,
		  "Expected ABI version %u, got %u", EXIT_STATS_VERSION,
		  (u16)es_info[0].eax);
}

/* Bit 16+n of EAX is set if view n exists. */
static void test_view_bits(void)
{
	const u16 views = BIT(ES_TOTAL) | BIT(ES_INFO) | BIT(ES_REASON) | BIT(ES_AWAY) |
			  BIT(ES_HIST) | BIT(ES_NEXT);
	u16 bits = es_info[0].eax >> 16;

	ES_EXPECT(bits == views, "Expected views %#x, got %#x", views, bits);
}

/* The reason is not an input of INFO. */
static void test_info_ignores_reason(void)
{
	int i;

	read_info(vcpu, 0xffff);
	for (i = 0; i < 2; i++)
		ES_EXPECT(es_same(info[i], es_info[i]),
			  "Expected INFO %d with reason 0xffff to be " ES_FMT ", got " ES_FMT,
			  i, ES_ARGS(es_info[i]), ES_ARGS(info[i]));
}

static void test_isa(void)
{
	ES_EXPECT(es_info[1].eax == es_isa()->id, "Expected ISA %u (%s), got %u",
		  es_isa()->id, es_isa()->name, es_info[1].eax);
	ES_EXPECT(es_info[1].edx == EXIT_STATS_BUCKETS,
		  "Expected %u histogram buckets, got %u", EXIT_STATS_BUCKETS,
		  es_info[1].edx);
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

	least_vcpus = *es_guest(vm, least_vcpus);
	most_vcpus = *es_guest(vm, most_vcpus);
	vcpus_after_stop = *es_guest(vm, vcpus_after_stop);

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
	memcpy(first, es_guest(vm, first), sizeof(first));

	ES_EXPECT(es_pair_a(first[0]) == 1 && es_pair_b(first[0]) == 0,
		  "Expected a vCPU's first CPUID to read 1 exit and 0 cycles, got %lu and %lu",
		  es_pair_a(first[0]), es_pair_b(first[0]));
	ES_EXPECT(es_pair_a(first[1]) == 2 && es_pair_b(first[1]) > 0,
		  "Expected the second to read 2 exits and the cycles of one, got %lu and %lu",
		  es_pair_a(first[1]), es_pair_b(first[1]));
}

/*
 * The bits say exactly what answers.  Index 0xff is an error in every view but
 * TOTAL, and a view that does not exist is answered as TOTAL of the whole VM.
 */
static void test_views(void)
{
	struct es_sample a;
	int view;

	es_run(vcpu, guest_all_views, 0, 0);
	memcpy(views, es_guest(vm, views), sizeof(views));

	for (view = 0; view < NR_VIEWS; view++) {
		if (view != ES_TOTAL && es_has_view(view)) {
			ES_EXPECT(es_same(views[view].answer, es_error),
				  "Expected the error " ES_FMT " from view %#x, got " ES_FMT,
				  ES_ARGS(es_error), view, ES_ARGS(views[view].answer));
			continue;
		}

		a.count = es_pair_a(views[view].answer);
		a.cycles = es_pair_b(views[view].answer);
		ES_EXPECT(views[view].before.count < a.count && a.count < views[view].after.count,
			  "Expected TOTAL, %lu < exits < %lu, from view %#x, got " ES_FMT,
			  views[view].before.count, views[view].after.count, view,
			  ES_ARGS(views[view].answer));
		ES_EXPECT(views[view].before.cycles < a.cycles &&
			  a.cycles < views[view].after.cycles,
			  "Expected TOTAL, %lu < cycles < %lu, from view %#x, got " ES_FMT,
			  views[view].before.cycles, views[view].after.cycles, view,
			  ES_ARGS(views[view].answer));
	}
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
		ES_EXPECT(cpuid->entries[i].function != EXIT_STATS_LEAF,
			  "Expected no entry %#x, got one", EXIT_STATS_LEAF);
}

static const struct es_case cases[] = {
	{ "signature and ABI version", test_version },
	{ "view bits", test_view_bits },
	{ "the bits say exactly which views answer", test_views },
	{ "INFO does not look at the reason", test_info_ignores_reason },
	{ "instruction set and number of buckets", test_isa },
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
