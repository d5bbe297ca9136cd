// SPDX-License-Identifier: GPL-2.0
/// \file
/// The live view where it cannot be shown. In a terminal it is tested by
/// scripts/tests/exitstat/top.bats.
#include "model/fake_kvm.hpp"
#include "top/top.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

using namespace exitstat;

namespace
{

TEST(Top, NeedsATerminal)
{
	FakeKvm kvm = booted_vmx();
	Reader reader(kvm.cpuid());
	const int before = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	try {
		top(reader, {});
		ADD_FAILURE() << "it took /dev/null for a terminal";
	} catch (const std::runtime_error &e) {
		EXPECT_STREQ(e.what(),
			     "exitstat top needs a terminal; for output to a file or pipe "
			     "use exitstat 1");
	}
	dup2(before, STDIN_FILENO);
	close(before);
	close(null);
}

} // namespace
