// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM logs: a line for a VM, however many vCPUs it has, when its exits pass
 * a power of two from 1024 up, which makes 54 at most, and one when it is
 * destroyed; at a limited rate, and nothing when exit_stats_log is off.
 */
#include "exit_stats_small_vm.h"

#define NR_VCPUS	8
#define FIRST_EXITS	1024
#define LAST_EXITS	10000
/* 1024, 2048, 4096 and 8192. */
#define NR_POWERS	4
/* Of a run, after which a vCPU's thread is in userspace. */
#define NR_READS	50
/* That come and go, and pass a power of two: two lines each, if it was for them. */
#define NR_VMS		100
/* What the rate limit may make a line wait for. */
#define MAX_WAIT_SEC	180

/* Lines of this process's VMs, oldest first. */
static struct line {
	int nr_vcpus;
	u64 exits, cycles;
	bool destroyed;
} lines[4 * NR_VMS];

static int nr_lines;

static int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	TEST_ASSERT(fd >= 0, "Cannot open /dev/kmsg: %s", strerror(errno));
	TEST_ASSERT(lseek(fd, 0, SEEK_END) >= 0, "Cannot seek in /dev/kmsg");
	return fd;
}

/* The most frequent reasons, as in "CPUID 1030, IO_INSTRUCTION 23": three, or all there are. */
static void check_reasons(char *text, u64 exits)
{
	u64 last = UINT64_MAX, sum = 0, n;
	char *reason, *number;
	int nr = 0;

	for (reason = strtok(text, ","); reason; reason = strtok(NULL, ",")) {
		number = strrchr(reason, ' ');
		n = number ? strtoull(number, NULL, 10) : 0;
		ES_EXPECT(n && n <= last, "Expected a reason with at most %lu exits, got \"%s\"",
			  last, reason);
		last = n;
		sum += n;
		nr++;
	}
	ES_EXPECT(nr && nr <= 3 && sum <= exits && (nr == 3 || sum == exits),
		  "Expected three reasons of %lu exits, got %d with %lu", exits, nr, sum);
}

static void check_line(const char *text)
{
	struct line *l = &lines[nr_lines];
	char reasons[256];
	int pid, r;

	l->destroyed = strstr(text, " destroyed: ");
	if (l->destroyed)
		r = sscanf(text, "VM %d destroyed: %d %*[^,], %lu exits, %lu cycles; %255[^\n]",
			   &pid, &l->nr_vcpus, &l->exits, &l->cycles, reasons);
	else
		r = sscanf(text, "VM %d: %d %*[^,], %lu exits, %lu cycles; %255[^\n]",
			   &pid, &l->nr_vcpus, &l->exits, &l->cycles, reasons);
	if (r < 1 || pid != getpid())
		return;

	ES_EXPECT(r == 5, "Expected vCPUs, exits, cycles and reasons, got \"%s\"", text);
	if (r == 5)
		check_reasons(reasons, l->exits);
	nr_lines++;
	TEST_ASSERT(nr_lines < ARRAY_SIZE(lines), "Expected less than %d lines", nr_lines);
}

/* Read what has been logged since @fd was opened, and close it. */
static void read_log(int fd)
{
	static const char prefix[] = "exit_stats: ";
	char record[2048], *text;
	ssize_t n;

	nr_lines = 0;
	while ((n = read(fd, record, sizeof(record) - 1)) > 0) {
		record[n] = '\0';
		text = strstr(record, prefix);
		if (text)
			check_line(text + strlen(prefix));
	}
	ES_EXPECT(n < 0 && errno == EAGAIN, "Cannot read /dev/kmsg: %s", strerror(errno));
	close(fd);
}

/* Have all vCPUs of @vm exit in turn, until the VM has made LAST_EXITS. */
static void run_small_vm(struct small_vm *vm)
{
	u64 exits;
	int i = 0;

	do {
		exits = es_pair_a(small_vcpu_read(&vm->vcpus[i++ % vm->nr_vcpus],
						  ES_SELECTOR(ES_TOTAL, ES_VM, 0), NR_READS));
	} while (exits < LAST_EXITS);
}

/* Create a VM, run and destroy it, and see what has been logged of it. */
static void log_vm(int nr_vcpus)
{
	struct small_vm vm;
	int fd = open_log();

	create_small_vm(&vm, nr_vcpus);
	run_small_vm(&vm);
	destroy_small_vm(&vm);
	read_log(fd);
}

/* Whoever logged before may have used up what the rate limit allows: wait. */
static void wait_for_rate_limit(void)
{
	struct small_vm vm;
	int fd, i;

	nr_lines = 0;
	for (i = 0; i < MAX_WAIT_SEC && !nr_lines; i++) {
		sleep(1);
		fd = open_log();
		create_small_vm(&vm, 1);
		small_vcpu_read(&vm.vcpus[0], 0, 1);
		destroy_small_vm(&vm);
		read_log(fd);
	}
	ES_EXPECT(nr_lines, "Expected a line after %d s, got none", i);
}

static void test_lines_of_vm(int nr_vcpus)
{
	const int expected = NR_POWERS + 1;
	u64 power = FIRST_EXITS, cycles = 0;
	const struct line *l = lines;

	log_vm(nr_vcpus);
	if (nr_lines < expected) {
		wait_for_rate_limit();
		log_vm(nr_vcpus);
	}
	ES_EXPECT(nr_lines == expected, "Expected %d lines, one of them for the VM's end, got %d",
		  expected, nr_lines);

	/* A thread comes to userspace soon after the VM has passed a power of two. */
	for (; l + 1 < lines + nr_lines; l++, power *= 2) {
		ES_EXPECT(l->exits >= power && l->exits < power + power / 2 && !l->destroyed,
			  "Expected a line for %lu exits, got one for %lu", power, l->exits);
		ES_EXPECT(l->cycles > cycles, "Expected more than %lu cycles, got %lu", cycles,
			  l->cycles);
		cycles = l->cycles;
	}
	ES_EXPECT(l->exits >= LAST_EXITS && l->cycles > cycles && l->destroyed,
		  "Expected a line for the VM's end and %d exits, got one for %lu",
		  LAST_EXITS, l->exits);

	for (l = lines; l < lines + nr_lines; l++)
		ES_EXPECT(l->nr_vcpus == nr_vcpus, "Expected %d vCPUs, got %d", nr_vcpus,
			  l->nr_vcpus);
}

static void test_one_vcpu(void)
{
	test_lines_of_vm(1);
}

static void test_many_vcpus(void)
{
	test_lines_of_vm(NR_VCPUS);
}

static void test_off(void)
{
	es_set_param(ES_PARAM_LOG, "N");
	log_vm(NR_VCPUS);
	es_set_param(ES_PARAM_LOG, "Y");
	ES_EXPECT(!nr_lines, "Expected no line, got %d", nr_lines);
}

/* Whoever creates and destroys VMs cannot push the messages of others out of the log. */
static void test_rate(void)
{
	struct small_vm vm;
	int fd = open_log(), i;

	for (i = 0; i < NR_VMS; i++) {
		create_small_vm(&vm, 1);
		small_vcpu_read(&vm.vcpus[0], 0, 2 * FIRST_EXITS);
		destroy_small_vm(&vm);
	}
	read_log(fd);
	ES_EXPECT(nr_lines < NR_VMS, "Expected less than one line a VM, got %d of %d VMs",
		  nr_lines, NR_VMS);
}

static const struct es_case cases[] = {
	{ "a VM with one vCPU", test_one_vcpu },
	{ "a VM with many vCPUs logs no more", test_many_vcpus },
	{ "nothing with exit_stats_log off", test_off },
	{ "VMs that come and go are logged at a limited rate", test_rate },
};

int main(int argc, char *argv[])
{
	es_start();
	es_set_param(ES_PARAM_LOG, "Y");
	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));
	ksft_finished();
}
