// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the accounting has to live through: VMs that come and go or are killed in
 * the middle of a VM-Exit, vCPU threads that move between CPUs, a guest's TSC
 * that jumps and changes its pace, parameters that flip, and readers on the host
 * all the while.
 *
 * That no counter goes backwards or ahead of time is checked here.  What else
 * goes wrong, a debug kernel must tell: see scripts/debug/run-debug-tests.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "exit_stats_small_vm.h"

#define NR_VCPUS	2
#define NR_VMS		2
#define READS_A_RUN	20

static int nr_created = 20, nr_killed = 10, nr_rounds = 50;
/* Off: make the load, on any KVM, and do not look at the answers. */
static bool checks = true;
static u64 start_tsc;

static ssize_t read_all(int fd)
{
	char buf[4096];
	ssize_t n, all = 0;

	while ((n = pread(fd, buf, sizeof(buf), all)) > 0)
		all += n;
	return n < 0 ? n : all;
}

/* VMs that come and go. */

static long free_kib(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	TEST_ASSERT(file, "Cannot open /proc/meminfo");
	/* Some is freed later, by RCU and by works. */
	sleep(1);
	while (fgets(line, sizeof(line), file) && sscanf(line, "MemFree: %ld", &kib) != 1)
		;
	fclose(file);
	return kib;
}

static void create_and_destroy(void)
{
	struct small_vm vm;
	struct es_regs r;
	int i;

	create_small_vm(&vm, NR_VCPUS);
	for (i = 0; i < NR_VCPUS; i++) {
		r = small_vcpu_read(&vm.vcpus[i], ES_SELECTOR(ES_INFO, 1, 0), 1);
		if (checks)
			ES_EXPECT((u8)r.eax == es_isa()->id && r.ebx == NR_VCPUS,
				  "Expected INFO 1 of %d vCPUs, got " ES_FMT, NR_VCPUS, ES_ARGS(r));
		r = small_vcpu_read(&vm.vcpus[i], ES_SELECTOR(ES_TOTAL, ES_VCPU, 0), READS_A_RUN);
		if (checks)
			ES_EXPECT(es_pair_a(r) > READS_A_RUN && es_pair_a(r) < 100 * READS_A_RUN,
				  "A new vCPU: expected some more than %d exits, got " ES_FMT,
				  READS_A_RUN, ES_ARGS(r));
	}
	destroy_small_vm(&vm);
}

/*
 * A VM that is gone leaves nothing behind.  A vCPU's counters take up to 32 KiB; the
 * rest is what debug kernels hold back of what was freed, and other noise.
 */
#define MAX_LOST_KIB	(12 * NR_VCPUS)
#define ENOUGH_VMS	500

static void test_create(void)
{
	long before, lost;
	int i;

	for (i = 0; i < nr_created / 2; i++)
		create_and_destroy();
	before = free_kib();
	for (i = 0; i < nr_created; i++)
		create_and_destroy();
	lost = before - free_kib();

	ksft_print_msg("%d VMs with %d vCPUs each; %ld KiB less are free than before the last %d\n",
		       nr_created + nr_created / 2, NR_VCPUS, lost, nr_created);
	if (nr_created >= ENOUGH_VMS)
		ES_EXPECT(lost < (long)nr_created * MAX_LOST_KIB,
			  "Expected the memory of %d VMs back, but for %d KiB of each, got %ld KiB less",
			  nr_created, MAX_LOST_KIB, lost);
}

static void *run_for_ever(void *vcpu)
{
	for (;;)
		small_vcpu_read(vcpu, ES_SELECTOR(ES_TOTAL, ES_VM, 0), 0);
	return NULL;
}

static void victim(int pipe_fd)
{
	struct small_vm vm;
	pthread_t thread;
	int i;

	/* Not without who would kill it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	create_small_vm(&vm, NR_VCPUS);
	for (i = 0; i < NR_VCPUS; i++) {
		small_vcpu_read(&vm.vcpus[i], 0, READS_A_RUN);
		if (pthread_create(&thread, NULL, run_for_ever, &vm.vcpus[i]))
			_exit(KSFT_FAIL);
	}
	if (write(pipe_fd, &vm.fd, sizeof(vm.fd)) != sizeof(vm.fd))
		_exit(KSFT_FAIL);
	for (;;)
		pause();
}

static void kill_one(int i)
{
	int fds[2], vm_fd = -1, status, table;
	pid_t pid;

	TEST_ASSERT(!pipe(fds), "pipe() failed");
	fflush(stdout);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork() failed: %s", strerror(errno));
	if (!pid)
		victim(fds[1]);

	close(fds[1]);
	if (read(fds[0], &vm_fd, sizeof(vm_fd)) != sizeof(vm_fd))
		ES_EXPECT(false, "The VM did not start");
	close(fds[0]);
	table = es_open_debugfs(pid, vm_fd, "exit_stats");
	usleep(i % 16 * 500);
	/* Let a read of the table meet the end of the VM, as far as it can. */
	kill(pid, SIGKILL);
	if (table >= 0)
		read_all(table);
	TEST_ASSERT(waitpid(pid, &status, 0) == pid, "waitpid() failed");
	ES_EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		  "Expected the VM's process to be killed, got status %#x", status);
	if (!checks)
		return;
	ES_EXPECT(table >= 0, "Cannot open the VM's table");
	ES_EXPECT(read_all(table) < 0, "Expected no table of a VM that was killed");
	close(table);
}

static void test_kill(void)
{
	int i;

	for (i = 0; i < nr_killed; i++)
		kill_one(i);
	ksft_print_msg("%d VMs killed\n", nr_killed);
}

/* VMs that run, and what disturbs them. */

enum {
	MOVE = BIT(0),		/* vCPU threads, between CPUs */
	TSC = BIT(1),		/* the guest's: value, offset, frequency */
	FLIP = BIT(2),		/* the parameters */
	LOOK = BIT(3),		/* at the table and the binary stats */
};

static struct runner {
	struct small_vm *vm;
	struct small_vcpu *vcpu;
	pthread_t thread;
	pid_t tid;
	u64 nr_runs, nr_tsc, nr_wrong;
	struct es_sample last[ES_NR_SCOPES];
	struct es_regs wrong;
	int disturb;
} runners[NR_VMS * NR_VCPUS];

static bool stop;

/* Any value may be refused; what counts is that KVM has changed the TSC. */
static void disturb_tsc(struct runner *r)
{
	u64 random = rdtsc() * 0x9e3779b97f4a7c15, offset = random >> (random & 31);
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { { 1 }, { .index = MSR_IA32_TSC, .data = offset } };
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};
	int khz = ioctl(r->vcpu->fd, KVM_GET_TSC_KHZ, 0);

	switch (r->nr_runs % 3) {
	case 0:
		r->nr_tsc += ioctl(r->vcpu->fd, KVM_SET_MSRS, &msr) == 1;
		break;
	case 1:
		r->nr_tsc += !ioctl(r->vcpu->fd, KVM_SET_DEVICE_ATTR, &attr);
		break;
	case 2:
		/* A faster guest needs no hardware for it, a slower one may. */
		khz = khz / 4 * (2 + random % 8);
		r->nr_tsc += !ioctl(r->vcpu->fd, KVM_SET_TSC_KHZ, khz);
		break;
	}
}

static void check_total(struct runner *r, struct es_regs regs, enum es_scope scope)
{
	struct es_sample *last = &r->last[scope], now = { es_pair_a(regs), es_pair_b(regs) };
	u64 elapsed = rdtsc() - start_tsc;

	if (now.count < last->count || now.cycles < last->cycles || now.count > elapsed ||
	    now.cycles > elapsed * (scope == ES_VM ? NR_VCPUS : 1)) {
		r->nr_wrong++;
		r->wrong = regs;
	}
	*last = now;
}

static void *run(void *data)
{
	struct runner *r = data;
	struct es_regs regs;
	int scope;

	WRITE_ONCE(r->tid, syscall(SYS_gettid));
	while (!READ_ONCE(stop)) {
		for (scope = 0; scope < ES_NR_SCOPES; scope++) {
			regs = small_vcpu_read(r->vcpu, ES_SELECTOR(ES_TOTAL, scope, 0),
					       READS_A_RUN);
			if (checks)
				check_total(r, regs, scope);
		}
		small_vcpu_read(r->vcpu, ES_SELECTOR(ES_HIST, r->nr_runs % ES_NR_HIST_INDICES,
						     es_code(ES_CPUID)), 1);
		small_vcpu_read(r->vcpu, ES_SELECTOR(ES_NEXT, ES_VM, 0), 1);
		if (r->disturb & TSC)
			disturb_tsc(r);
		WRITE_ONCE(r->nr_runs, r->nr_runs + 1);
	}
	return NULL;
}

static void move_threads(int round)
{
	int nr_cpus = sysconf(_SC_NPROCESSORS_ONLN), i;
	cpu_set_t cpus;

	for (i = 0; i < ARRAY_SIZE(runners); i++) {
		CPU_ZERO(&cpus);
		CPU_SET((round + i) % nr_cpus, &cpus);
		ES_EXPECT(!sched_setaffinity(READ_ONCE(runners[i].tid), sizeof(cpus), &cpus),
			  "Cannot move a vCPU's thread: %s", strerror(errno));
	}
}

static void flip_parameters(int round)
{
	static const char *const paths[] = { ES_PARAM_ACCOUNT, ES_PARAM_LEAF, ES_PARAM_LOG };

	/* Off, one after the other, and on again. */
	if (checks)
		es_set_param(paths[round % 3], round / 3 % 2 ? "Y" : "N");
}

static void look(void)
{
	struct small_vm *vm;
	int i, table;

	for (i = 0; i < ARRAY_SIZE(runners); i++) {
		vm = runners[i].vm;
		ES_EXPECT(read_all(runners[i].vcpu->stats_fd) > 0,
			  "Cannot read the binary stats: %s", strerror(errno));
		if (!checks)
			continue;
		table = es_open_debugfs(getpid(), vm->fd, "exit_stats");
		ES_EXPECT(table >= 0 && read_all(table) > 0, "Cannot read the table: %s",
			  strerror(errno));
		close(table);
	}
}

static void disturb(int what)
{
	struct small_vm vms[NR_VMS];
	struct runner *r;
	u64 nr_tsc = 0, nr_runs = 0;
	int i, round;

	if (what & MOVE && sysconf(_SC_NPROCESSORS_ONLN) < 2 && what == MOVE)
		ES_SKIP("there is one CPU");

	stop = false;
	memset(runners, 0, sizeof(runners));
	for (i = 0; i < NR_VMS; i++)
		create_small_vm(&vms[i], NR_VCPUS);
	for (i = 0; i < ARRAY_SIZE(runners); i++) {
		r = &runners[i];
		r->vm = &vms[i / NR_VCPUS];
		r->vcpu = &r->vm->vcpus[i % NR_VCPUS];
		r->disturb = what;
		TEST_ASSERT(!pthread_create(&r->thread, NULL, run, r), "pthread_create() failed");
	}

	for (round = 0; round < nr_rounds; round++) {
		/* Something to disturb must have happened. */
		for (i = 0; i < ARRAY_SIZE(runners); i++)
			while (READ_ONCE(runners[i].nr_runs) <= round / 4)
				usleep(500);
		if (what & MOVE)
			move_threads(round);
		if (what & FLIP)
			flip_parameters(round);
		if (what & LOOK)
			look();
	}
	if (what & FLIP && checks) {
		es_set_param(ES_PARAM_ACCOUNT, "Y");
		es_set_param(ES_PARAM_LEAF, "Y");
		es_set_param(ES_PARAM_LOG, "Y");
	}

	WRITE_ONCE(stop, true);
	for (i = 0; i < ARRAY_SIZE(runners); i++) {
		r = &runners[i];
		pthread_join(r->thread, NULL);
		ES_EXPECT(!r->nr_wrong,
			  "Expected counters that grow, and no more cycles than passed, got " ES_FMT
			  " and %lu more", ES_ARGS(r->wrong), r->nr_wrong - 1);
		nr_runs += r->nr_runs;
		nr_tsc += r->nr_tsc;
	}
	ES_EXPECT(!(what & TSC) || nr_tsc, "Expected the TSC to change");
	ksft_print_msg("%d rounds, %lu runs of %lu vCPUs; TSC changed %lu times\n",
		       nr_rounds, nr_runs, ARRAY_SIZE(runners), nr_tsc);
	for (i = 0; i < NR_VMS; i++)
		destroy_small_vm(&vms[i]);
}

static void test_move(void)
{
	disturb(MOVE);
}

static void test_tsc(void)
{
	disturb(TSC);
}

static void test_flip(void)
{
	disturb(FLIP);
}

static void test_look(void)
{
	disturb(LOOK);
}

static void test_all(void)
{
	disturb(MOVE | TSC | FLIP | LOOK);
}

static const struct es_case cases[] = {
	{ "VMs created, run and destroyed", test_create },
	{ "VMs killed in the middle of a VM-Exit", test_kill },
	{ "vCPU threads moved between CPUs", test_move },
	{ "the guest's TSC set, moved and scaled", test_tsc },
	{ "the parameters flipped", test_flip },
	{ "the table and the binary stats read", test_look },
	{ "all of these at once", test_all },
};

/* Keep a VM and its binary stats open till killed: for who wants to unload KVM meanwhile. */
static void hold(void)
{
	struct small_vm vm;

	create_small_vm(&vm, NR_VCPUS);
	small_vcpu_read(&vm.vcpus[0], 0, READS_A_RUN);
	printf("holding\n");
	fflush(stdout);
	for (;;)
		pause();
}

static void usage(const char *name)
{
	printf("Usage: %s [-c VMS] [-k VMS] [-r ROUNDS] [-u] [-H]\n"
	       "  -c  so many VMs are created and destroyed\n"
	       "  -k  so many VMs are killed\n"
	       "  -r  so many times is each disturbance tried\n"
	       "  -u  only make the load, on any KVM, and do not look at the answers\n"
	       "  -H  keep a VM open till killed, and do nothing else\n", name);
	exit(KSFT_FAIL);
}

int main(int argc, char *argv[])
{
	int opt;

	while ((opt = getopt(argc, argv, "c:k:r:uH")) != -1) {
		switch (opt) {
		case 'c':
			nr_created = es_number(optarg, 0, INT_MAX);
			break;
		case 'k':
			nr_killed = es_number(optarg, 0, INT_MAX);
			break;
		case 'r':
			nr_rounds = es_number(optarg, 0, INT_MAX);
			break;
		case 'u':
			checks = false;
			break;
		case 'H':
			hold();
			break;
		default:
			usage(argv[0]);
		}
	}

	if (checks) {
		es_start();
		es_set_param(ES_PARAM_LOG, "Y");
	} else {
		es_init();
	}
	start_tsc = rdtsc();
	ksft_set_plan(ARRAY_SIZE(cases));
	es_run_cases(cases, ARRAY_SIZE(cases));
	ksft_finished();
}
