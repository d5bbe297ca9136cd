// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host sees, in the binary stats of a vCPU and in the table in
 * debugfs, is what the guest reads.
 */
#include "exit_stats.h"

#define N		50
#define NR_VCPUS	2

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[NR_VCPUS];

/* Guest code. */

static struct es_sample total;
static struct leaf {
	struct es_sample reason[ES_NR_SCOPES];
	struct es_sample away;
} leaf[ES_MAX_REASONS];
/* Reads of the leaf up to and after that of CPUID's own reason, per scope. */
static u64 cpuid_reads[ES_NR_SCOPES], last_read;

static void guest_mix(u64 n)
{
	while (n--) {
		es_hypercall();
		rdmsr(MSR_MISC_FEATURES_ENABLES);
		wrmsr(MSR_MISC_FEATURES_ENABLES, 0);
		es_inb(ES_KERNEL_PORT);
		es_inb(ES_USER_PORT);
		/* SVM's name for it has two words. */
		asm volatile("ud2" : : : "memory");
	}
	ES_GUEST_DONE();
}

static void guest_ud_handler(struct ex_regs *regs)
{
	regs->rip += 2;
}

static bool stop;

static void guest_mix_until_stop(void)
{
	ES_GUEST_SYNC();
	while (!READ_ONCE(stop)) {
		es_hypercall();
		es_inb(ES_USER_PORT);
	}
	ES_GUEST_DONE();
}

static void guest_read_leaf(void)
{
	const struct es_isa *isa = es_isa();
	u32 code;
	int i;

	total = es_read_sample(ES_TOTAL, ES_VM, 0);
	for (i = 0; i < isa->nr_reasons; i++) {
		code = isa->reasons[i].code;
		if (code > 0xffff)
			continue;
		leaf[i].reason[ES_VM] = es_read_sample(ES_REASON, ES_VM, code);
		if (code == es_code(ES_CPUID))
			cpuid_reads[ES_VM] = *es_my_reads();
		leaf[i].reason[ES_VCPU] = es_read_sample(ES_REASON, ES_VCPU, code);
		if (code == es_code(ES_CPUID))
			cpuid_reads[ES_VCPU] = *es_my_reads();
		leaf[i].away = es_read_sample(ES_AWAY, ES_VM, code);
	}
	last_read = *es_my_reads();
	ES_GUEST_DONE();
}

/* Host code. */

static void read_leaf(struct kvm_vcpu *vcpu)
{
	es_run(vcpu, guest_read_leaf, 0, 0);
	total = *es_guest(vm, total);
	memcpy(leaf, es_guest(vm, leaf), sizeof(leaf));
	memcpy(cpuid_reads, es_guest(vm, cpuid_reads), sizeof(cpuid_reads));
	last_read = *es_guest(vm, last_read);
}

/*
 * The host looks when the vCPU has stopped.  Since the guest's read of @code,
 * CPUID has grown by the reads that followed, and I/O by the exit of
 * ES_GUEST_DONE(); anything may have come that the host brings about.
 */
static void expect_count(const char *what, u32 code, enum es_scope scope, u64 got, u64 read)
{
	bool more = es_has_code(&es_isa()->async, code) || code == es_code(ES_PAGE);

	if (code == es_code(ES_CPUID))
		read += last_read - cpuid_reads[scope];
	if (code == es_code(ES_IO))
		read++;

	ES_EXPECT(got == read || (more && got > read), "%s, %s (%#x): expected %s%lu, got %lu",
		  what, es_name(code), code, more ? "at least " : "", read, got);
}

/* The binary stats. */

static void test_binary_stats(void)
{
	const struct es_isa *isa = es_isa();
	struct es_binary_stats before[NR_VCPUS], after[NR_VCPUS];
	u64 low, high;
	int i, j;

	for (i = 0; i < NR_VCPUS; i++) {
		es_run(vcpus[i], guest_mix, N, 0);

		for (j = 0; j < NR_VCPUS; j++)
			es_read_binary_stats(vcpus[j], &before[j]);
		read_leaf(vcpus[i]);
		for (j = 0; j < NR_VCPUS; j++)
			es_read_binary_stats(vcpus[j], &after[j]);

		for (j = 0; j < isa->nr_reasons; j++)
			if (isa->reasons[j].code <= 0xffff)
				expect_count("exit_reasons", isa->reasons[j].code, ES_VCPU,
					     es_stats_count(&after[i], isa->reasons[j].code),
					     leaf[j].reason[ES_VCPU].count);

		for (j = 0, low = 0, high = 0; j < NR_VCPUS; j++) {
			low += before[j].exit_cycles;
			high += after[j].exit_cycles;
		}
		ES_EXPECT(low <= total.cycles && total.cycles <= high,
			  "Expected %lu cycles within exit_cycles before and after, %lu..%lu",
			  total.cycles, low, high);
	}
}

/* The table. */

struct row {
	u64 exits, cycles, away_cycles, user_exits;
	struct es_sample vcpu[NR_VCPUS];
};

static struct table {
	struct row reason[ES_MAX_REASONS];
	struct row total;
	int nr_totals;
} table;

/* Its names have no blanks. */
static bool is_name_of(const char *name, int index)
{
	const char *of = es_isa()->reasons[index].name;

	while (*name && *name == (*of == ' ' ? '_' : *of)) {
		name++;
		of++;
	}
	return !*name && !*of;
}

static int open_table(struct kvm_vm *of)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/exit_stats", getpid(), of->fd);
	fd = open(path, O_RDONLY);
	TEST_ASSERT(fd >= 0, "Cannot open %s: %s", path, strerror(errno));
	return fd;
}

static const char head[] =
	"reason name exits cycles away_cycles user_exits vcpu0 vcpu0_cycles vcpu1 vcpu1_cycles";

static int read_table_from(int fd)
{
	char line[512], got[512], name[64], code[16], *word;
	FILE *file = fdopen(fd, "r");
	struct row row;
	int index, n;

	memset(&table, 0, sizeof(table));

	if (!fgets(line, sizeof(line), file)) {
		fclose(file);
		return -1;
	}
	for (got[0] = '\0', word = strtok(line, "\n "); word; word = strtok(NULL, "\n "))
		sprintf(got + strlen(got), "%s%s", got[0] ? " " : "", word);
	ES_EXPECT(!strcmp(got, head), "Expected the columns \"%s\", got \"%s\"", head, got);

	while (fgets(line, sizeof(line), file)) {
		n = sscanf(line, "%15s %63s %lu %lu %lu %lu %lu %lu %lu %lu", code, name,
			   &row.exits, &row.cycles, &row.away_cycles, &row.user_exits,
			   &row.vcpu[0].count, &row.vcpu[0].cycles,
			   &row.vcpu[1].count, &row.vcpu[1].cycles);
		ES_EXPECT(n == 10, "Expected 10 columns, got %d in \"%s\"", n, line);
		if (!strcmp(name, "total")) {
			table.total = row;
			table.nr_totals++;
			continue;
		}
		index = es_find_reason(strtoul(code, NULL, 0));
		ES_EXPECT(index >= 0 && is_name_of(name, index) && !table.nr_totals,
			  "Expected an exit reason with its name before the total, got %s", line);
		if (index >= 0)
			table.reason[index] = row;
	}
	ES_EXPECT(table.nr_totals == 1, "Expected one line for the total, got %d",
		  table.nr_totals);
	fclose(file);
	return 0;
}

static void read_table(struct kvm_vm *of)
{
	ES_EXPECT(!read_table_from(open_table(of)), "Cannot read the table");
}

static void test_table(void)
{
	const struct es_isa *isa = es_isa();
	struct row sum = {};
	struct row *r;
	u64 cycles = 0;
	u32 code;
	int i, j;

	for (i = 0; i < NR_VCPUS; i++)
		es_run(vcpus[i], guest_mix, N, 0);
	read_leaf(vcpus[0]);
	read_table(vm);

	for (i = 0; i < isa->nr_reasons; i++) {
		code = isa->reasons[i].code;
		r = &table.reason[i];
		if (code > 0xffff)
			continue;

		expect_count("exits", code, ES_VM, r->exits, leaf[i].reason[ES_VM].count);
		expect_count("exits of vCPU 0", code, ES_VCPU, r->vcpu[0].count,
			     leaf[i].reason[ES_VCPU].count);

		/* What has grown since is more than the guest has read. */
		if (r->exits == leaf[i].reason[ES_VM].count) {
			ES_EXPECT(r->cycles == leaf[i].reason[ES_VM].cycles &&
				  r->away_cycles == leaf[i].away.cycles,
				  "%s: expected %lu cycles, %lu away, got %lu and %lu",
				  es_name(code), leaf[i].reason[ES_VM].cycles,
				  leaf[i].away.cycles, r->cycles, r->away_cycles);
		} else {
			ES_EXPECT(r->cycles >= leaf[i].reason[ES_VM].cycles &&
				  r->away_cycles >= leaf[i].away.cycles,
				  "%s: expected at least %lu cycles, %lu away, got %lu and %lu",
				  es_name(code), leaf[i].reason[ES_VM].cycles,
				  leaf[i].away.cycles, r->cycles, r->away_cycles);
		}
		if (code != es_code(ES_IO) && !es_has_code(&isa->async, code))
			ES_EXPECT(r->user_exits == leaf[i].away.count,
				  "%s: expected %lu exits to userspace, got %lu",
				  es_name(code), leaf[i].away.count, r->user_exits);

		sum.exits += r->exits;
		sum.cycles += r->cycles;
		sum.away_cycles += r->away_cycles;
		sum.user_exits += r->user_exits;
		for (j = 0; j < NR_VCPUS; j++) {
			sum.vcpu[j].count += r->vcpu[j].count;
			sum.vcpu[j].cycles += r->vcpu[j].cycles;
			cycles += r->vcpu[j].cycles;
		}
		ES_EXPECT(r->vcpu[0].count + r->vcpu[1].count == r->exits,
			  "%s: expected %lu exits on all vCPUs, got %lu and %lu", es_name(code),
			  r->exits, r->vcpu[0].count, r->vcpu[1].count);
	}
	ES_EXPECT(!memcmp(&sum, &table.total, sizeof(sum)) && cycles == sum.cycles,
		  "Expected the total to be the sum of the lines: %lu exits, %lu cycles, got %lu and %lu",
		  sum.exits, sum.cycles, table.total.exits, table.total.cycles);
}

/* While vCPUs run, no number decreases, and the total is not below the sum. */
static void test_table_of_running_vm(void)
{
	struct es_job job = { vcpus[1], guest_mix_until_stop };
	struct row last = {};
	u64 sum;
	int i, j;

	es_spawn(&job);
	sem_wait(&es_synced);

	for (i = 0; i < N; i++) {
		read_table(vm);
		for (j = 0, sum = 0; j < es_isa()->nr_reasons; j++)
			sum += table.reason[j].exits;
		ES_EXPECT(table.total.exits >= sum,
			  "Expected a total of at least %lu exits, got %lu",
			  sum, table.total.exits);
		ES_EXPECT(table.total.exits >= last.exits && table.total.cycles >= last.cycles &&
			  table.total.away_cycles >= last.away_cycles &&
			  table.total.user_exits >= last.user_exits,
			  "Expected at least %lu exits, %lu cycles, got %lu and %lu",
			  last.exits, last.cycles, table.total.exits, table.total.cycles);
		last = table.total;
		sched_yield();
	}

	WRITE_ONCE(*es_guest(vm, stop), true);
	es_join(&job);
}

/* A reader may hold the file open when the VM goes. */
static void test_table_outlives_vm(void)
{
	struct kvm_vcpu *others[NR_VCPUS];
	struct kvm_vm *other = es_create_vm(NR_VCPUS, others);
	int fd = open_table(other);

	kvm_vm_free(other);
	ES_EXPECT(read_table_from(fd) < 0, "Expected no table of a VM that is gone");
}

static const struct es_case cases[] = {
	{ "binary stats equal the leaf", test_binary_stats },
	{ "table in debugfs equals the leaf", test_table },
	{ "table of a VM that runs", test_table_of_running_vm },
	{ "table of a VM that is gone", test_table_outlives_vm },
};

int main(int argc, char *argv[])
{
	es_start();
	vm = es_create_vm(NR_VCPUS, vcpus);
	vm_install_exception_handler(vm, UD_VECTOR, guest_ud_handler);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
