// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many VM-Exits a second two vCPUs make, each on a CPU of its own, that do
 * nothing but execute CPUID.  Prints a number for each of several VMs, which all
 * stay, so that each lies elsewhere in memory: that matters as well.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "exit_stats.h"

#define NR_VCPUS	2
#define NR_VMS		8
#define WARM_UP_USEC	50000
#define USEC		250000

/* Guest code. */

static struct {
	u64 exits;
	bool stop;
} __aligned(4096) cells[NR_VCPUS];

static void guest_code(u64 id)
{
	while (!READ_ONCE(cells[id].stop)) {
		es_cpuid(0, 0);
		WRITE_ONCE(cells[id].exits, cells[id].exits + 1);
	}
	GUEST_DONE();
}

/* Host code. */

static struct kvm_vcpu *vcpus[NR_VCPUS];
static typeof(cells) *guest;

static void *run(void *data)
{
	struct kvm_vcpu *vcpu = data;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(vcpu->id, &cpus);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(cpus), &cpus), "There is no CPU %u", vcpu->id);
	vcpu_run(vcpu);
	return NULL;
}

static u64 nsec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static u64 exits(void)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < NR_VCPUS; i++)
		sum += READ_ONCE((*guest)[i].exits);
	return sum;
}

static void measure(void)
{
	struct kvm_vm *vm = vm_create_with_vcpus(NR_VCPUS, guest_code, vcpus);
	pthread_t threads[NR_VCPUS];
	u64 start, before;
	int i;

	guest = es_guest(vm, cells);
	for (i = 0; i < NR_VCPUS; i++) {
		vcpu_args_set(vcpus[i], 1, (u64)i);
		TEST_ASSERT(!pthread_create(&threads[i], NULL, run, vcpus[i]),
			    "pthread_create() failed");
	}

	usleep(WARM_UP_USEC);
	start = nsec();
	before = exits();
	usleep(USEC);
	printf("%lu\n", (exits() - before) * 1000000000 / (nsec() - start));

	for (i = 0; i < NR_VCPUS; i++)
		WRITE_ONCE((*guest)[i].stop, true);
	for (i = 0; i < NR_VCPUS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	int i;

	for (i = 0; i < NR_VMS; i++)
		measure();
	return 0;
}
