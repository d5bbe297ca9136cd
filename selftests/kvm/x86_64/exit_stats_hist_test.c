// SPDX-License-Identifier: GPL-2.0-only
/*
 * HIST: each exit is in the bucket of its handling cycles, from the VM-Entry
 * on.  Bucket i has the values v with fls64(v) = i, the last one all above.
 */
#include "exit_stats.h"

#define N		50

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[2];

/* Guest code. */

static struct hist {
	struct es_sample before, after;		/* REASON */
	u64 bucket[KVM_EXIT_STATS_NR_BUCKETS];
} hists[ES_MAX_REASONS];

static void read_hist(struct hist *h, int reason)
{
	struct es_sample s;
	int i;

	h->before = es_read_reason(ES_REASON, ES_VM, reason);
	for (i = 0; i < KVM_EXIT_STATS_NR_BUCKETS; i += 2) {
		s = es_read_reason(ES_HIST, i / 2, reason);
		h->bucket[i] = s.count;
		h->bucket[i + 1] = s.cycles;
	}
	h->after = es_read_reason(ES_REASON, ES_VM, reason);
}

static void guest_read_all(void)
{
	int i;

	for (i = 0; i < es_isa()->nr_reasons; i++)
		read_hist(&hists[i], i);
	ES_GUEST_DONE();
}

static void guest_mix(u64 n)
{
	while (n--) {
		es_hypercall();
		rdmsr(MSR_MISC_FEATURES_ENABLES);
		es_inb(ES_KERNEL_PORT);
		es_inb(ES_USER_PORT);
	}
	ES_GUEST_DONE();
}

/* Host code. */

static u64 bucket_min(int i)
{
	return i ? 1ull << (i - 1) : 0;
}

static u64 bucket_max(int i)
{
	return (1ull << i) - 1;
}

static void read_all(void)
{
	es_run(vcpus[0], guest_read_all, 0, 0);
	ES_FETCH(vm, hists);
}

static u64 sum_of(const struct hist *h)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < KVM_EXIT_STATS_NR_BUCKETS; i++)
		sum += h->bucket[i];
	return sum;
}

/*
 * The buckets of a reason sum to the count of its completed exits.  Those of
 * the guest that asks are complete, but for the CPUID exit by which it asks;
 * the other vCPU's last exit, by which it stopped, will never be.
 */
static void test_sum(void)
{
	u64 sum, low, high;
	struct hist *h;
	int i;

	read_all();
	for (i = 0; i < es_isa()->nr_reasons; i++) {
		h = &hists[i];
		sum = sum_of(h);
		low = h->before.count;
		high = h->after.count;
		if (es_code_of(i) == es_code(ES_CPUID) || es_code_of(i) == es_code(ES_IO)) {
			low--;
			high--;
		}
		ES_EXPECT(low <= sum && sum <= high,
			  "%s: expected %lu..%lu exits in the buckets, got %lu",
			  es_name(es_code_of(i)), low, high, sum);
	}
}

/* The buckets' bounds enclose the handling cycles of REASON. */
static void test_cycles(void)
{
	u64 low, high;
	struct hist *h;
	int i, j;

	read_all();
	for (i = 0; i < es_isa()->nr_reasons; i++) {
		h = &hists[i];
		/* An exit that is complete now may not have been when asked. */
		if (h->before.count != h->after.count)
			continue;

		for (j = 0, low = 0, high = 0; j < KVM_EXIT_STATS_NR_BUCKETS; j++) {
			low += h->bucket[j] * bucket_min(j);
			high += h->bucket[j] * bucket_max(j);
		}
		if (h->bucket[KVM_EXIT_STATS_NR_BUCKETS - 1])
			high = UINT64_MAX;

		ES_EXPECT(low <= h->before.cycles && h->before.cycles <= high,
			  "%s: expected the buckets to enclose %lu cycles, got %lu..%lu",
			  es_name(es_code_of(i)), h->before.cycles, low, high);
	}
}

/* HIST is of the whole VM, whoever asks. */
static void test_vm(void)
{
	u16 code = es_code(ES_HYPERCALL);
	int i = es_find_reason(code);
	u64 sum;

	read_all();
	sum = sum_of(&hists[i]);
	es_run(vcpus[1], guest_mix, N, 0);
	read_all();

	ES_EXPECT(sum_of(&hists[i]) == sum + N, "%s: expected %lu exits in the buckets, got %lu",
		  es_name(code), sum + N, sum_of(&hists[i]));
}

static const struct es_case cases[] = {
	{ "the buckets sum to the count", test_sum },
	{ "the buckets enclose the cycles", test_cycles },
	{ "the buckets are of all vCPUs", test_vm },
};

int main(int argc, char *argv[])
{
	int i;

	es_start();
	vm = es_create_vm(2, vcpus);

	for (i = 0; i < ARRAY_SIZE(vcpus); i++)
		es_run(vcpus[i], guest_mix, N, 0);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
