// SPDX-License-Identifier: GPL-2.0
/*
 * Asks for the VM-Exits as many a program does that knows no more of the leaf than its number. ECX
 * is left to chance: built without optimisation, it has what the compiler left there.
 */
#include <stdio.h>

int main(void)
{
	unsigned int eax = 0x4fffffff, ebx, ecx, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	printf("%u %llu\n", eax, (unsigned long long)ebx << 32 | ecx);
	return 0;
}
