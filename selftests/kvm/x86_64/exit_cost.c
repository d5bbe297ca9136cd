// SPDX-License-Identifier: GPL-2.0-only
/*
 * What VM-Exits and reads of the leaf cost, seen by the guest: TSC ticks for
 * each.  Under Bochs, whose TSC advances by one with each instruction, that is
 * the number of executed instructions, of guest, KVM and userspace.
 *
 * The best of many short rounds is free of timer interrupts, and an empty loop's
 * share is taken off.  Prints a line for each of the kinds given, or of all: its
 * name, the cost, and how many VM-Exits it takes, which only the leaf tells; "-"
 * where there is none.  With -p, while the kernel records for perf.  With -c FILE,
 * writes there how many VM-Exits all of it took, by exit reason, as KVM counted.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "exit_stats.h"

#define NR_ROUNDS	30

#define NR_TOUCHES	16
#define NR_PAGES	(NR_ROUNDS * NR_TOUCHES)
#define PAGES_GPA	0x40000000ul
#define PAGES_GVA	0x40000000ul
#define PAGES_SLOT	10

/* Far away, and not too far for the VMX preemption timer. */
#define TIMER_CYCLES	BIT_ULL(30)

/* Guest code. */

static bool stop;
static u64 next_page = PAGES_GVA;
static u64 nr_reasons;

static void guest_nothing(u64 n)
{
	while (n--)
		asm volatile("" : : : "memory");
}

static void guest_cpuid(u64 n)
{
	while (n--)
		es_cpuid(0, 0);
}

static void guest_io_kernel(u64 n)
{
	while (n--)
		es_inb(ES_KERNEL_PORT);
}

static void guest_io_user(u64 n)
{
	while (n--)
		es_inb(ES_USER_PORT);
}

static void guest_msr_read(u64 n)
{
	while (n--)
		rdmsr(MSR_MISC_FEATURES_ENABLES);
}

static void guest_msr_write(u64 n)
{
	while (n--)
		wrmsr(MSR_MISC_FEATURES_ENABLES, 0);
}

static void guest_touch(u64 n)
{
	for (; n--; next_page += PAGE_SIZE)
		WRITE_ONCE(*(u8 *)next_page, 1);
}

static void guest_deadline(u64 n)
{
	while (n--)
		wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + TIMER_CYCLES);
}

static void guest_wake(u64 vcpu_id)
{
	x2apic_write_reg(APIC_ICR, vcpu_id << 32 | APIC_DEST_PHYSICAL |
			 APIC_DM_FIXED | ES_VECTOR);
}

/* The other vCPU does the same in guest_partner(). */
static void guest_halt(u64 n)
{
	while (n--) {
		guest_wake(1);
		es_halt();
	}
}

static void guest_partner(void)
{
	x2apic_enable();
	ES_GUEST_SYNC();
	for (;;) {
		es_halt();
		if (READ_ONCE(stop))
			break;
		guest_wake(0);
	}
	ES_GUEST_DONE();
}

static void guest_total(u64 n)
{
	while (n--)
		es_cpuid(KVM_CPUID_EXIT_STATS, ES_SELECTOR(ES_TOTAL, ES_VM, 0));
}

static void guest_reason(u64 n)
{
	u32 ecx = ES_SELECTOR(ES_REASON, ES_VM, es_code(ES_CPUID));

	while (n--)
		es_cpuid(KVM_CPUID_EXIT_STATS, ecx);
}

static void guest_info(u64 n)
{
	while (n--)
		es_cpuid(KVM_CPUID_EXIT_STATS, ES_SELECTOR(ES_INFO, 0, 0));
}

/* What the C++ header reads without details: 3 + 2 x (reasons seen) CPUIDs. */
static void guest_snapshot(u64 n)
{
	struct es_regs next;
	u32 from;

	while (n--) {
		nr_reasons = 0;
		es_cpuid(KVM_CPUID_EXIT_STATS, ES_SELECTOR(ES_INFO, 1, 0));
		for (from = 0; from < ES_MAX_CODES; from = next.eax + 1) {
			next = es_cpuid(KVM_CPUID_EXIT_STATS, ES_SELECTOR(ES_NEXT, ES_VM, from));
			if (es_same(next, es_error))
				break;
			es_cpuid(KVM_CPUID_EXIT_STATS, ES_SELECTOR(ES_REASON, ES_VM, next.eax));
			nr_reasons++;
		}
		es_cpuid(KVM_CPUID_EXIT_STATS, ES_SELECTOR(ES_TOTAL, ES_VM, 0));
	}
}

static void guest_enable_apic(void)
{
	x2apic_enable();
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | ES_VECTOR);
}

/* For a snapshot that has some reasons in it. */
static void guest_exit_variously(void)
{
	guest_io_kernel(1);
	guest_msr_read(1);
	guest_msr_write(1);
	guest_touch(1);
}

static const struct kind {
	const char *name;
	void (*act)(u64 n);
	/* How many in a round, and how many acts each of them is. */
	u64 n, acts;
	int nr_vcpus;
	bool needs_leaf;
	void (*setup)(void);
	/* What the second vCPU does meanwhile, until it is woken up to stop. */
	void (*partner)(void);
} kinds[] = {
	{ "cpuid",	guest_cpuid,	 100, 1, 1 },
	{ "io_kernel",	guest_io_kernel, 100, 1, 1 },
	{ "io_user",	guest_io_user,	 20,  1, 1 },
	{ "msr_read",	guest_msr_read,	 100, 1, 1 },
	{ "msr_write",	guest_msr_write, 100, 1, 1 },
	{ "hlt",	guest_halt,	 10,  2, 2, false, guest_enable_apic, guest_partner },
	{ "page",	guest_touch,	 NR_TOUCHES, 1, 1 },
	{ "fastpath",	guest_deadline,	 100, 1, 1, false, guest_enable_apic },
	{ "total_1",	guest_total,	 100, 1, 1, true },
	{ "total_2",	guest_total,	 100, 1, 2, true },
	{ "total_8",	guest_total,	 100, 1, 8, true },
	{ "reason_1",	guest_reason,	 100, 1, 1, true },
	{ "reason_2",	guest_reason,	 100, 1, 2, true },
	{ "reason_8",	guest_reason,	 100, 1, 8, true },
	{ "info_1",	guest_info,	 100, 1, 1, true },
	{ "info_2",	guest_info,	 100, 1, 2, true },
	{ "info_8",	guest_info,	 100, 1, 8, true },
	{ "snapshot",	guest_snapshot,	 10,  1, 1, true, guest_exit_variously },
};

/* The best round, in all. */
static struct {
	u64 ticks, exits;
} best;

static u64 guest_exits(void)
{
	return es_read_sample(ES_TOTAL, ES_VM, 0).count;
}

static u64 guest_time(void (*act)(u64 n), u64 n)
{
	u64 start = rdtsc();

	act(n);
	return rdtsc() - start;
}

static void guest_measure(const struct kind *kind)
{
	u64 exits, empty = -1ull;
	int round;

	best.ticks = -1ull;
	best.exits = -1ull;
	if (kind->setup)
		kind->setup();

	for (round = 0; round < NR_ROUNDS; round++)
		empty = min(empty, guest_time(guest_nothing, kind->n));

	for (round = 0; round < NR_ROUNDS; round++) {
		exits = guest_exits();
		best.ticks = min(best.ticks, guest_time(kind->act, kind->n) - empty);
		/* The second read counts itself. */
		best.exits = min(best.exits, guest_exits() - exits - 1);
	}

	if (kind->act == guest_deadline)
		wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	if (kind->partner) {
		WRITE_ONCE(stop, true);
		guest_wake(1);
	}
	ES_GUEST_DONE();
}

/* Host code. */

#define EVENTS_DIR	"/sys/kernel/tracing/events/kvm/"
/* As "perf kvm stat record" has it. */
#define PERF_PAGES	1024

static int open_event(const char *id_path)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
			       PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_RAW,
	};
	FILE *file = fopen(id_path, "r");
	int fd;

	TEST_ASSERT(file, "%s: %s", id_path, strerror(errno));
	TEST_ASSERT(fscanf(file, "%llu", &attr.config) == 1, "%s has no number", id_path);
	fclose(file);
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	TEST_ASSERT(fd >= 0, "perf_event_open() failed: %s", strerror(errno));
	return fd;
}

/*
 * All that the kernel does for "perf kvm stat record" on CPU 0, and nothing of
 * what perf does: who may only read the buffer has what is old in it overwritten.
 */
static void record_for_perf(void)
{
	int exits = open_event(EVENTS_DIR "kvm_exit/id");
	int entries = open_event(EVENTS_DIR "kvm_entry/id");
	void *buffer = mmap(NULL, (1 + PERF_PAGES) * getpagesize(), PROT_READ, MAP_SHARED,
			    exits, 0);

	TEST_ASSERT(buffer != MAP_FAILED, "mmap() of perf's buffer failed: %s", strerror(errno));
	TEST_ASSERT(!ioctl(entries, PERF_EVENT_IOC_SET_OUTPUT, exits),
		    "PERF_EVENT_IOC_SET_OUTPUT failed: %s", strerror(errno));
}

/* VM-Exits of all guests, by element of the binary stats. */
static u64 counted[ES_MAX_REASONS];

static void add_counts(struct kvm_vcpu *vcpu)
{
	struct es_binary_stats stats;
	int i;

	es_read_binary_stats(vcpu, &stats);
	for (i = 0; i < ES_MAX_REASONS; i++)
		counted[i] += stats.exit_reasons[i];
}

static void write_counts(const char *path)
{
	FILE *file = fopen(path, "w");
	int i;

	TEST_ASSERT(file, "%s: %s", path, strerror(errno));
	for (i = 0; i < ES_MAX_REASONS; i++)
		if (counted[i])
			fprintf(file, "%d %lu\n", i, counted[i]);
	TEST_ASSERT(!fclose(file), "%s: %s", path, strerror(errno));
}

/*
 * Of two real-time threads of equal priority on one CPU none runs before the
 * other one waits: a vCPU that is woken up has been blocked, and another has to
 * block for it to run.
 */
static void set_policy(int policy)
{
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO };

	TEST_ASSERT(!sched_setscheduler(0, policy, &param),
		    "sched_setscheduler() failed: %s", strerror(errno));
}

static void measure(const struct kind *kind, bool count)
{
	struct kvm_vcpu *vcpus[ES_MAX_VCPUS];
	struct kvm_vm *vm = es_create_empty_vm();
	struct es_job partner = {};
	u64 per = kind->n * kind->acts;
	bool has_leaf;
	int i;

	vm_install_exception_handler(vm, ES_VECTOR, es_handle_irq);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, PAGES_GPA, PAGES_SLOT,
				    NR_PAGES, 0);
	virt_map(vm, PAGES_GVA, PAGES_GPA, NR_PAGES);
	for (i = 0; i < NR_PAGES; i++)
		*(u8 *)addr_gpa2hva(vm, PAGES_GPA + i * PAGE_SIZE) = 1;

	for (i = 0; i < kind->nr_vcpus; i++) {
		vcpus[i] = es_add_vcpu(vm, i);
		/* The guest must have the timer before it runs for the first time. */
		vcpu_set_cpuid_feature(vcpus[i], X86_FEATURE_TSC_DEADLINE_TIMER);
	}

	has_leaf = es_read_info(vcpus[0]);
	if (kind->needs_leaf && !has_leaf)
		goto out;

	if (kind->partner) {
		partner = (struct es_job){ vcpus[1], kind->partner };
		set_policy(SCHED_FIFO);
		es_spawn(&partner);
		sem_wait(&es_synced);
	}
	es_run(vcpus[0], guest_measure, (uintptr_t)kind, 0);
	if (kind->partner) {
		es_join(&partner);
		set_policy(SCHED_OTHER);
	}

	ES_FETCH(vm, best);
	printf("%s %.2f ", kind->name, (double)best.ticks / per);
	/* While the accounting is off, the leaf is there, and stands still. */
	if (has_leaf && best.exits + 1)
		printf("%.2f\n", (double)best.exits / per);
	else
		printf("-\n");
	if (kind->act == guest_snapshot)
		printf("snapshot_reasons %lu -\n", *es_guest(vm, nr_reasons));
	fflush(stdout);
out:
	for (i = 0; count && i < kind->nr_vcpus; i++)
		add_counts(vcpus[i]);
	kvm_vm_free(vm);
}

int main(int argc, char *argv[])
{
	const char *counts = NULL;
	int first, i, j, known, opt;
	cpu_set_t cpu;

	es_detect();
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpu), &cpu), "There is no CPU 0");
	/* HLT blocks at once. */
	es_set_param(ES_PARAM_DIR "halt_poll_ns", "0");

	while ((opt = getopt(argc, argv, "pc:")) != -1) {
		if (opt == 'p')
			record_for_perf();
		else if (opt == 'c')
			counts = optarg;
		else
			return KSFT_FAIL;
	}

	first = optind;
	for (i = first; i < argc; i++) {
		for (j = 0, known = 0; j < ARRAY_SIZE(kinds); j++)
			known |= !strcmp(argv[i], kinds[j].name);
		TEST_ASSERT(known, "There is no kind '%s'", argv[i]);
	}

	for (j = 0; j < ARRAY_SIZE(kinds); j++) {
		for (i = first, known = argc == first; i < argc; i++)
			known |= !strcmp(argv[i], kinds[j].name);
		if (known)
			measure(&kinds[j], counts);
	}
	if (counts)
		write_counts(counts);
	return 0;
}
