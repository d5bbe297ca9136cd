// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much of the host's memory a vCPU takes: free pages before and after
 * creating many, those in the lists of each CPU included.  Prints bytes for each
 * vCPU.  All that hangs on its file descriptor is in it, debugfs as well.
 */
#include "exit_stats.h"

#define NR_FIRST	8
#define NR_VCPUS	512

static long free_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	long pages = 0, n;
	char line[256];

	TEST_ASSERT(file, "Cannot open /proc/zoneinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %ld", &n) == 1 ||
		    sscanf(line, " count: %ld", &n) == 1)
			pages += n;
	fclose(file);
	return pages;
}

int main(void)
{
	struct kvm_vm *vm = vm_create_barebones();
	long before = 0;
	int i;

	for (i = 0; i < NR_FIRST + NR_VCPUS; i++) {
		/* The first fill caches and page tables of the host. */
		if (i == NR_FIRST)
			before = free_pages();
		TEST_ASSERT(__vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(unsigned long)i) >= 0,
			    "KVM_CREATE_VCPU failed for vCPU %d: %s", i, strerror(errno));
	}
	printf("vcpu_bytes %ld\n", (before - free_pages()) * getpagesize() / NR_VCPUS);
	return 0;
}
