// SPDX-License-Identifier: GPL-2.0
/// \file
/// exitstat: show the VM-Exits of the virtual machine it runs in.
#include "cli/program.hpp"

int main(int argc, char **argv)
{
	using namespace exitstat;
	return program(argc, argv, native_cpuid, smallest_tsc_step());
}
