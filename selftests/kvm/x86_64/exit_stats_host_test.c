// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host sees, in the binary stats of a vCPU and in the tables in
 * debugfs, is what the guest reads, and what the host writes there changes none
 * of it.
 */
#include <dirent.h>

#include "exit_stats.h"

#define DEBUGFS		"/sys/kernel/debug/kvm"

#define N		50
#define NR_VCPUS	2

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[NR_VCPUS];

/* Guest code. */

static struct es_sample total;
static struct leaf {
	struct es_sample reason[ES_NR_SCOPES], away[ES_NR_SCOPES];
} leaf[ES_MAX_REASONS];
/* Reads of the leaf up to and after that of CPUID's own reason, per scope. */
static u64 cpuid_reads[ES_NR_SCOPES], last_read;
static struct es_snapshot snapshot;

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
	int i, scope;

	total = es_read_sample(ES_TOTAL, ES_VM, 0);
	for (i = 0; i < es_isa()->nr_reasons; i++) {
		for (scope = 0; scope < ES_NR_SCOPES; scope++) {
			leaf[i].reason[scope] = es_read_reason(ES_REASON, scope, i);
			if (es_code_of(i) == es_code(ES_CPUID))
				cpuid_reads[scope] = *es_my_reads();
			leaf[i].away[scope] = es_read_reason(ES_AWAY, scope, i);
		}
	}
	last_read = *es_my_reads();
	ES_GUEST_DONE();
}

static void guest_snapshot(void)
{
	es_take_snapshot(&snapshot, ES_VM);
	ES_GUEST_DONE();
}

/* Host code. */

static void read_leaf(struct kvm_vcpu *vcpu)
{
	es_run(vcpu, guest_read_leaf, 0, 0);
	ES_FETCH(vm, total);
	ES_FETCH(vm, leaf);
	ES_FETCH(vm, cpuid_reads);
	ES_FETCH(vm, last_read);
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

/* What has grown since is more than the guest has read, and nothing else is. */
static void expect_cycles(const char *what, u32 code, u64 got, u64 read, bool grown)
{
	ES_EXPECT(got == read || (grown && got > read), "%s, %s (%#x): expected %s%lu, got %lu",
		  what, es_name(code), code, grown ? "at least " : "", read, got);
}

/* The binary stats. */

static void test_binary_stats(void)
{
	struct es_binary_stats before[NR_VCPUS], after[NR_VCPUS];
	const struct es_sample *read;
	u64 low, high;
	int i, j, v;

	for (v = 0; v < NR_VCPUS; v++) {
		es_run(vcpus[v], guest_mix, N, 0);

		for (j = 0; j < NR_VCPUS; j++)
			es_read_binary_stats(vcpus[j], &before[j]);
		read_leaf(vcpus[v]);
		for (j = 0; j < NR_VCPUS; j++)
			es_read_binary_stats(vcpus[j], &after[j]);

		for (i = 0; i < es_isa()->nr_reasons; i++) {
			read = &leaf[i].reason[ES_VCPU];
			expect_count("exit_reasons", es_code_of(i), ES_VCPU,
				     after[v].exit_reasons[i], read->count);
			expect_cycles("exit_cycles", es_code_of(i), after[v].exit_cycles[i],
				      read->cycles, after[v].exit_reasons[i] != read->count);
		}
		for (; i < ES_MAX_REASONS; i++)
			ES_EXPECT(!after[v].exit_reasons[i] && !after[v].exit_cycles[i],
				  "Element %d: expected no exits on %s, got %lu", i,
				  es_isa()->name, after[v].exit_reasons[i]);

		for (j = 0, low = 0, high = 0; j < NR_VCPUS; j++) {
			for (i = 0; i < ES_MAX_REASONS; i++) {
				low += before[j].exit_cycles[i];
				high += after[j].exit_cycles[i];
			}
		}
		ES_EXPECT(low <= total.cycles && total.cycles <= high,
			  "Expected %lu cycles within exit_cycles before and after, %lu..%lu",
			  total.cycles, low, high);
	}
}

/* The tables: one of the VM, and one of each vCPU in the vCPU's folder. */

#define NR_TABLES	(1 + NR_VCPUS)

static const char *const table_names[NR_TABLES] = {
	"exit_stats", "vcpu0/exit_stats", "vcpu1/exit_stats",
};

struct row {
	u64 exits, cycles, away_cycles, user_exits;
};

struct table {
	struct row reason[ES_MAX_REASONS];
	struct row total;
	int nr_totals;
};

static struct table tables[NR_TABLES];

static void add_row(struct row *sum, const struct row *r)
{
	sum->exits += r->exits;
	sum->cycles += r->cycles;
	sum->away_cycles += r->away_cycles;
	sum->user_exits += r->user_exits;
}

/* Names in the table have no blanks. */
static bool is_name_of(const char *name, int reason)
{
	const char *of = es_names[reason] ?: name;

	while (*name && *name == (*of == ' ' ? '_' : *of)) {
		name++;
		of++;
	}
	return !*name && !*of;
}

static const char head[] = "reason name exits cycles away_cycles user_exits";

static int read_table_from(int fd, struct table *t)
{
	char line[512], got[512], name[64], code[16], *word;
	FILE *file = fdopen(fd, "r");
	struct row row;
	int reason, n;

	memset(t, 0, sizeof(*t));

	if (!fgets(line, sizeof(line), file)) {
		fclose(file);
		return -1;
	}
	for (got[0] = '\0', word = strtok(line, "\n "); word; word = strtok(NULL, "\n "))
		sprintf(got + strlen(got), "%s%s", got[0] ? " " : "", word);
	ES_EXPECT(!strcmp(got, head), "Expected the columns \"%s\", got \"%s\"", head, got);

	while (fgets(line, sizeof(line), file)) {
		n = sscanf(line, "%15s %63s %lu %lu %lu %lu", code, name,
			   &row.exits, &row.cycles, &row.away_cycles, &row.user_exits);
		ES_EXPECT(n == 6, "Expected 6 columns, got %d in \"%s\"", n, line);
		if (!strcmp(name, "total")) {
			t->total = row;
			t->nr_totals++;
			continue;
		}
		reason = es_find_reason(strtoul(code, NULL, 0));
		ES_EXPECT(reason >= 0 && is_name_of(name, reason) && !t->nr_totals,
			  "Expected an exit reason with its name before the total, got %s", line);
		if (reason >= 0)
			t->reason[reason] = row;
	}
	ES_EXPECT(t->nr_totals == 1, "Expected one line for the total, got %d", t->nr_totals);
	fclose(file);
	return 0;
}

static int open_table(struct kvm_vm *of, const char *name)
{
	int fd = es_open_debugfs(getpid(), of->fd, name);

	TEST_ASSERT(fd >= 0, "Cannot open %s of the VM: %s", name, strerror(errno));
	return fd;
}

static void read_table(int i)
{
	ES_EXPECT(!read_table_from(open_table(vm, table_names[i]), &tables[i]),
		  "Cannot read %s", table_names[i]);
}

static void check_table(int n)
{
	const struct table *t = &tables[n];
	/* The guest that has read the leaf is vCPU 0. */
	enum es_scope scope = n ? ES_VCPU : ES_VM;
	struct row sum = {};
	bool grown;
	u32 code;
	int i;

	for (i = 0; i < es_isa()->nr_reasons; i++) {
		const struct row *r = &t->reason[i];
		const struct leaf *l = &leaf[i];

		add_row(&sum, r);
		if (n > 1)
			continue;

		code = es_code_of(i);
		grown = r->exits != l->reason[scope].count;
		expect_count(table_names[n], code, scope, r->exits, l->reason[scope].count);
		expect_cycles("cycles", code, r->cycles, l->reason[scope].cycles, grown);
		expect_cycles("away_cycles", code, r->away_cycles, l->away[scope].cycles, grown);
		expect_cycles("user_exits", code, r->user_exits, l->away[scope].count, grown);
	}
	ES_EXPECT(!memcmp(&sum, &t->total, sizeof(sum)),
		  "%s: expected the total to be the sum of the lines: %lu exits, %lu cycles, got %lu and %lu",
		  table_names[n], sum.exits, sum.cycles, t->total.exits, t->total.cycles);
}

static void test_tables(void)
{
	struct row sum;
	int i, j;

	for (i = 0; i < NR_VCPUS; i++)
		es_run(vcpus[i], guest_mix, N, 0);
	read_leaf(vcpus[0]);

	for (i = 0; i < NR_TABLES; i++) {
		read_table(i);
		check_table(i);
	}
	for (i = 0; i < es_isa()->nr_reasons; i++) {
		memset(&sum, 0, sizeof(sum));
		for (j = 1; j < NR_TABLES; j++)
			add_row(&sum, &tables[j].reason[i]);
		ES_EXPECT(!memcmp(&sum, &tables[0].reason[i], sizeof(sum)),
			  "%s: expected the VM to have the sum of its vCPUs, %lu exits, got %lu",
			  es_name(es_code_of(i)), sum.exits, tables[0].reason[i].exits);
	}
}

/* While vCPUs run, no number decreases, and the total is not below the sum. */
static void test_table_of_running_vm(void)
{
	struct es_job job = { vcpus[1], guest_mix_until_stop };
	const struct row *now = &tables[0].total;
	struct row last = {};
	u64 sum;
	int i, j;

	es_spawn(&job);
	sem_wait(&es_synced);

	for (i = 0; i < N; i++) {
		read_table(0);
		for (j = 0, sum = 0; j < es_isa()->nr_reasons; j++)
			sum += tables[0].reason[j].exits;
		ES_EXPECT(now->exits >= sum, "Expected a total of at least %lu exits, got %lu",
			  sum, now->exits);
		ES_EXPECT(now->exits >= last.exits && now->cycles >= last.cycles &&
			  now->away_cycles >= last.away_cycles &&
			  now->user_exits >= last.user_exits,
			  "Expected at least %lu exits, %lu cycles, got %lu and %lu",
			  last.exits, last.cycles, now->exits, now->cycles);
		last = *now;
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
	int i, fds[NR_TABLES];

	for (i = 0; i < NR_TABLES; i++)
		fds[i] = open_table(other, table_names[i]);
	kvm_vm_free(other);
	for (i = 0; i < NR_TABLES; i++)
		ES_EXPECT(read_table_from(fds[i], &tables[i]) < 0,
			  "Expected no %s of a VM that is gone", table_names[i]);
}

/* What somebody writes to debugfs. */

static int nr_written;

static bool is_ours(const char *name)
{
	return !strncmp(name, "exit_reasons", 12) || !strncmp(name, "exit_cycles", 11) ||
	       !strncmp(name, "exit_stats", 10);
}

/* A reset, as KVM understands it.  What is ours must refuse it. */
static void write_zero(const char *path, const char *name)
{
	int fd = open(path, O_WRONLY);
	bool written = fd >= 0 && write(fd, "0", 1) == 1;

	if (fd >= 0)
		close(fd);
	nr_written += written;
	if (is_ours(name))
		ES_EXPECT(!written, "%s: expected it to be read-only, got written to", path);
}

static void write_zeros(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[512];

	TEST_ASSERT(dir, "Cannot open %s: %s", folder, strerror(errno));
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		/* Of the other VMs there may be here, none is this test's. */
		if (entry->d_type != DT_DIR)
			write_zero(path, entry->d_name);
		else if (strcmp(folder, DEBUGFS))
			write_zeros(path);
	}
	closedir(dir);
}

static void test_reset(void)
{
	struct es_snapshot before;
	char folder[64];
	int i;

	es_run(vcpus[0], guest_mix, N, 0);
	es_run(vcpus[0], guest_snapshot, 0, 0);
	ES_FETCH(vm, snapshot);
	before = snapshot;

	snprintf(folder, sizeof(folder), DEBUGFS "/%d-%d", getpid(), vm->fd);
	write_zeros(folder);
	write_zeros(DEBUGFS);
	ES_EXPECT(nr_written, "Expected other stats to be writable, got none");

	es_run(vcpus[0], guest_snapshot, 0, 0);
	ES_FETCH(vm, snapshot);
	es_check_sum(&before);
	es_check_sum(&snapshot);
	ES_EXPECT(snapshot.total.count > before.total.count &&
		  snapshot.total.cycles > before.total.cycles,
		  "Expected more than %lu exits and %lu cycles, got %lu and %lu",
		  before.total.count, before.total.cycles, snapshot.total.count,
		  snapshot.total.cycles);
	for (i = 0; i < es_isa()->nr_reasons; i++)
		ES_EXPECT(snapshot.reason[i].count >= before.reason[i].count &&
			  snapshot.reason[i].cycles >= before.reason[i].cycles,
			  "%s: expected at least %lu exits and %lu cycles, got %lu and %lu",
			  es_name(es_code_of(i)), before.reason[i].count,
			  before.reason[i].cycles, snapshot.reason[i].count,
			  snapshot.reason[i].cycles);
	ES_EXPECT(es_count_of(&snapshot, ES_HYPERCALL) == es_count_of(&before, ES_HYPERCALL),
		  "Expected %lu hypercalls as before, got %lu", es_count_of(&before, ES_HYPERCALL),
		  es_count_of(&snapshot, ES_HYPERCALL));
}

static const struct es_case cases[] = {
	{ "binary stats equal the leaf", test_binary_stats },
	{ "tables in debugfs equal the leaf", test_tables },
	{ "table of a VM that runs", test_table_of_running_vm },
	{ "tables of a VM that is gone", test_table_outlives_vm },
	{ "zeros written to debugfs change no counter", test_reset },
};

int main(int argc, char *argv[])
{
	es_start();
	vm = es_create_vm(NR_VCPUS, vcpus);
	vm_install_exception_handler(vm, UD_VECTOR, es_skip_ud);

	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));

	kvm_vm_free(vm);
	ksft_finished();
}
