// SPDX-License-Identifier: GPL-2.0
/// \file
/// The names against the text of the headers that they were compiled with.
#include "core/library.hpp"
#include "kernel/header_text.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace exitstat;

namespace
{

void expect_same_names(Isa isa, const std::map<std::int64_t, std::string> &expected)
{
	EXPECT_EQ(reason_names(isa).size(), expected.size());
	for (std::int64_t code = 0; code < other_reason; code++) {
		const auto it = expected.find(code);
		EXPECT_EQ(known_name(isa, std::uint16_t(code)),
			  it == expected.end() ? "" : it->second)
			<< "code " << code;
	}
	EXPECT_EQ(known_name(isa, other_reason), "other");
}

TEST(Reasons, VmxNamesAreTheHeaders)
{
	expect_same_names(Isa::vmx, entries(EXITSTAT_VMX_HEADER, "VMX_EXIT_REASONS"));
}

TEST(Reasons, SvmNamesAreTheHeaders)
{
	expect_same_names(Isa::svm, entries(EXITSTAT_SVM_HEADER, "SVM_EXIT_REASONS"));
}

} // namespace
