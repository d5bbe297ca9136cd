// SPDX-License-Identifier: GPL-2.0
/// \file
/// Against the uapi headers of a kernel, in the folder that KERNEL_UAPI names; they are read
/// without the preprocessor. Which headers this was built with is of no account.
#include "reasons/names.hpp"
#include "core/library.hpp"
#include "kernel/header_text.hpp"
#include "reasons/explain.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

using namespace exitstat;

namespace
{

std::string uapi()
{
	const char *folder = std::getenv("KERNEL_UAPI");
	return folder ? folder : "";
}

TEST(Leaf, ConstantsAreTheHeaders)
{
	const std::string text = slurp(uapi() + "/asm/kvm_exit_stats.h");
	ASSERT_FALSE(text.empty()) << "KERNEL_UAPI=" << uapi() << " has no asm/kvm_exit_stats.h";
	const auto header = defines(text);
	const auto is = [&](const char *name) {
		return header.at(std::string("KVM_EXIT_STATS_") + name);
	};
	EXPECT_EQ(header.at("KVM_CPUID_EXIT_STATS"), leaf);
	EXPECT_EQ(is("ABI_VERSION"), abi_version);
	EXPECT_EQ(is("MAGIC"), magic_number);
	for (const auto &[name, view] : {std::pair("VIEW_TOTAL", View::total),
					 {"VIEW_INFO", View::info},
					 {"VIEW_REASON", View::reason},
					 {"VIEW_AWAY", View::away},
					 {"VIEW_HIST", View::hist},
					 {"VIEW_NEXT", View::next}})
		EXPECT_EQ(is(name), int(view)) << name;
	EXPECT_EQ(is("SCOPE_VM"), int(Scope::vm));
	EXPECT_EQ(is("SCOPE_VCPU"), int(Scope::vcpu));
	EXPECT_EQ(is("ISA_VMX"), int(Isa::vmx));
	EXPECT_EQ(is("ISA_SVM"), int(Isa::svm));
	EXPECT_EQ(is("REASON_OTHER"), other_reason);
	EXPECT_EQ(is("ERROR"), error_answer.edx);
	std::string spelled;
	for (const char *name : {"SIGNATURE_EBX", "SIGNATURE_ECX", "SIGNATURE_EDX"})
		spelled += exit_stats::text({std::uint32_t(is(name))});
	EXPECT_EQ(spelled, signature);
	EXPECT_EQ(is("COUNTING"), counting_bit);

	// All of a field, and nothing else.
	const auto field = [&](const char *mask, const char *shift) {
		return std::uint32_t(is(mask) << is(shift));
	};
	EXPECT_EQ(selector(View(is("VIEW_MASK")), 0) - selector(View(0), 0),
		  field("VIEW_MASK", "VIEW_SHIFT"));
	EXPECT_EQ(selector(View(0), std::uint8_t(is("INDEX_MASK"))) - selector(View(0), 0),
		  field("INDEX_MASK", "INDEX_SHIFT"));
	EXPECT_EQ(selector(View(0), 0, std::uint16_t(is("REASON_MASK"))) - selector(View(0), 0),
		  std::uint32_t(is("REASON_MASK")));
	EXPECT_EQ(selector(View(0), 0), field("MAGIC", "MAGIC_SHIFT"));
}

void expect_names(Isa isa, const std::map<std::int64_t, std::string> &expected)
{
	EXPECT_GT(expected.size(), 50U);
	for (const auto &[code, name] : expected) {
		// KVM's own, and never a reason of the leaf.
		if (code < 0 || code >= other_reason)
			continue;
		EXPECT_EQ(name_of(isa, std::uint16_t(code)), name) << "code " << code;
		EXPECT_NE(explanation(isa, std::uint16_t(code)), nullptr)
			<< name << " has no explanation";
	}
}

TEST(Reasons, OfVmxHaveTheirNamesAndAreExplained)
{
	expect_names(Isa::vmx, entries(uapi() + "/asm/vmx.h", "VMX_EXIT_REASONS"));
}

TEST(Reasons, OfSvmHaveTheirNamesAndAreExplained)
{
	expect_names(Isa::svm, entries(uapi() + "/asm/svm.h", "SVM_EXIT_REASONS"));
}

} // namespace
