// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counts equal those of somebody else: a histogram of exit reasons that the
 * tracing subsystem keeps at the tracepoint kvm:kvm_exit, in the same run, to
 * the last exit.
 */
#include "exit_stats.h"

#define NR_ROUNDS	10
#define NR_WORKERS	2
/* Loops of a worker; with more than 20 exits each, all make 10^5. */
#define NR_LOOPS	2500

#define PAGES_GPA	0x40000000ul
#define PAGES_GVA	0x40000000ul
#define PAGES_SLOT	10
#define NR_PAGES	512

#define EVENT		"/sys/kernel/tracing/events/kvm/kvm_exit/"
#define TRIGGER		"hist:keys=exit_reason"

/* Exits of one worker that nothing but its own loops cause. */
static const struct {
	enum es_op op;
	u64 n;
} known[] = {
	{ ES_CPUID, 8 * NR_LOOPS },
	{ ES_HYPERCALL, 4 * NR_LOOPS },
	{ ES_IO, 2 * NR_LOOPS + NR_LOOPS / 10 },
	{ ES_UD, NR_LOOPS / 50 },
};

static struct kvm_vm *vm;
static struct kvm_vcpu *reader, *workers[NR_WORKERS];

/* Guest code. */

static struct es_snapshot snapshot;
static u64 last_read;

static void guest_work(u64 id)
{
	u64 page = PAGES_GVA + id * (NR_PAGES / NR_WORKERS) * PAGE_SIZE, self;
	int i, j;

	x2apic_enable();
	x2apic_write_reg(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | ES_VECTOR);
	self = x2apic_read_reg(APIC_ID);

	for (i = 0; i < NR_LOOPS; i++) {
		for (j = 0; j < 8; j++)
			es_cpuid(0, 0);
		for (j = 0; j < 4; j++)
			es_hypercall();
		for (j = 0; j < 3; j++) {
			rdmsr(MSR_MISC_FEATURES_ENABLES);
			wrmsr(MSR_MISC_FEATURES_ENABLES, 0);
		}
		es_inb(ES_KERNEL_PORT);
		es_outb(ES_KERNEL_PORT, 0xff);

		/* These three may take KVM's fast path. */
		if (!(i % 5)) {
			wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + (1ull << 40));
			x2apic_write_reg(APIC_ICR, self << 32 | APIC_DEST_PHYSICAL |
					 APIC_DM_FIXED | ES_VECTOR);
			es_halt();
		}
		if (!(i % 10)) {
			es_inb(ES_USER_PORT);
			WRITE_ONCE(*(u8 *)page, 1);
			page += PAGE_SIZE;
		}
		if (!(i % 50))
			asm volatile("ud2" : : : "memory");
	}
	wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	ES_GUEST_DONE();
}

static void guest_read(void)
{
	es_take_snapshot(&snapshot, ES_VM);
	last_read = *es_my_reads();
	ES_GUEST_DONE();
}

/* Host code. */

static bool set_trigger(const char *trigger)
{
	int fd = open(EVENT "trigger", O_WRONLY);
	int len = -1;

	if (fd >= 0) {
		len = write(fd, trigger, strlen(trigger));
		close(fd);
	}
	return len == strlen(trigger);
}

static void remove_trigger(void)
{
	set_trigger("!" TRIGGER);
}

static struct oracle {
	u64 reason[ES_MAX_REASONS];
	u64 total;
} oracle;

static void read_oracle(void)
{
	FILE *file = fopen(EVENT "hist", "r");
	u64 count, hits = 0, dropped = -1;
	char line[256];
	u64 code;
	int i;

	TEST_ASSERT(file, "Cannot open " EVENT "hist: %s", strerror(errno));
	memset(&oracle, 0, sizeof(oracle));

	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "{ exit_reason: %lu } hitcount: %lu", &code, &count) == 2) {
			i = es_find_reason(code);
			if (i < 0)
				i = es_isa()->nr_reasons - 1;
			oracle.reason[i] += count;
			oracle.total += count;
		} else if (sscanf(line, " Hits: %lu", &hits) != 1 &&
			   sscanf(line, " Dropped: %lu", &dropped) != 1) {
			/* A comment, or blank. */
			continue;
		}
	}
	fclose(file);
	ES_EXPECT(hits == oracle.total && !dropped,
		  "Expected %lu hits in the histogram and none dropped, got %lu and %lu",
		  hits, oracle.total, dropped);
}

static u64 expected(int i)
{
	u32 code = es_code_of(i);
	u64 n = snapshot.reason[i].count;

	if (code == es_code(ES_CPUID))
		n += last_read - snapshot.reads;
	/* ES_GUEST_DONE() */
	if (code == es_code(ES_IO))
		n++;
	return n;
}

static bool same(void)
{
	int i;

	for (i = 0; i < es_isa()->nr_reasons; i++)
		if (oracle.reason[i] != expected(i))
			return false;
	return true;
}

/*
 * Both only ever grow, so an exit that one of them has lost stays lost.  One
 * that the host brings about after the guest's last read is not: read again.
 */
static void compare(void)
{
	int tries = 20, i;

	do {
		es_run(reader, guest_read, 0, 0);
		ES_FETCH(vm, snapshot);
		ES_FETCH(vm, last_read);
		read_oracle();
	} while (!same() && --tries);

	es_check_sum(&snapshot);
	for (i = 0; i < es_isa()->nr_reasons; i++)
		ES_EXPECT(expected(i) == oracle.reason[i],
			  "%s (%#x): the tracepoint has %lu exits, the leaf %lu",
			  es_name(es_code_of(i)), es_code_of(i), oracle.reason[i],
			  expected(i));
}

static void create_vm(void)
{
	int i;

	vm = es_create_vm(1, &reader);
	vm_install_exception_handler(vm, ES_VECTOR, es_handle_irq);
	vm_install_exception_handler(vm, UD_VECTOR, es_skip_ud);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, PAGES_GPA, PAGES_SLOT,
				    NR_PAGES, 0);
	virt_map(vm, PAGES_GVA, PAGES_GPA, NR_PAGES);

	for (i = 0; i < NR_WORKERS; i++) {
		workers[i] = es_add_vcpu(vm, i + 1);
		/* The guest must have the timer before it runs for the first time. */
		vcpu_set_cpuid_feature(workers[i], X86_FEATURE_TSC_DEADLINE_TIMER);
	}
}

static void test_round(void)
{
	struct es_job jobs[NR_WORKERS];
	u64 before[ARRAY_SIZE(known)], growth;
	int i;

	TEST_ASSERT(set_trigger(TRIGGER), "Cannot write to " EVENT "trigger: %s", strerror(errno));
	create_vm();
	compare();
	for (i = 0; i < ARRAY_SIZE(known); i++)
		before[i] = expected(es_find_reason(es_code(known[i].op)));

	for (i = 0; i < NR_WORKERS; i++) {
		jobs[i] = (struct es_job){ workers[i], guest_work, i };
		es_spawn(&jobs[i]);
	}
	for (i = 0; i < NR_WORKERS; i++)
		es_join(&jobs[i]);
	compare();

	ES_EXPECT(oracle.total >= 100000, "Expected 100000 exits, got %lu", oracle.total);
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		growth = expected(es_find_reason(es_code(known[i].op))) - before[i];
		ES_EXPECT(growth >= NR_WORKERS * known[i].n,
			  "%s: expected at least %lu exits, got %lu", es_name(es_code(known[i].op)),
			  NR_WORKERS * known[i].n, growth);
	}

	kvm_vm_free(vm);
	remove_trigger();
}

int main(int argc, char *argv[])
{
	int rounds = argc > 1 ? es_number(argv[1], 1, INT_MAX) : NR_ROUNDS;
	char name[64];
	int i;

	es_start();
	if (access(EVENT "hist", R_OK))
		ksft_exit_skip("cannot read " EVENT "hist: %s\n", strerror(errno));
	if (!kvm_cpu_has(X86_FEATURE_X2APIC))
		ksft_exit_skip("KVM does not support x2APIC\n");
	if (!kvm_has_cap(KVM_CAP_TSC_DEADLINE_TIMER))
		ksft_exit_skip("KVM has no KVM_CAP_TSC_DEADLINE_TIMER\n");
	atexit(remove_trigger);

	ksft_set_plan(rounds);
	for (i = 1; i <= rounds; i++) {
		snprintf(name, sizeof(name), "equal to the tracepoint's histogram, round %d", i);
		es_begin();
		test_round();
		es_end(name);
	}
	ksft_finished();
}
