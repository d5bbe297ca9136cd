// SPDX-License-Identifier: GPL-2.0
/// \file
/// The names against the text of the kernel's headers, read without the preprocessor.
#include "core/library.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>

using namespace exitstat;

namespace
{

std::string slurp(const std::string &file)
{
	std::ostringstream text;
	text << std::ifstream(file).rdbuf();
	return text.str();
}

/// The lines "#define NAME number".
std::map<std::string, std::int64_t> defines(const std::string &text)
{
	static const std::regex line(
		R"(#define[ \t]+(\w+)[ \t]+\(?(-?(0x)?[0-9a-fA-F]+)[uUlL]*\b)");
	std::map<std::string, std::int64_t> all;
	for (std::sregex_iterator m(text.begin(), text.end(), line), end; m != end; ++m)
		all[(*m)[1]] = std::stoll((*m)[2], nullptr, 0);
	return all;
}

/// The entries "{ CODE, "name" }" and "{ CODE + VECTOR, "name" }" of a macro.
std::map<std::int64_t, std::string> entries(const std::string &header, const std::string &macro)
{
	const std::string text = slurp(std::string(EXITSTAT_UAPI_DIR "/asm/") + header);
	auto numbers = defines(text);
	numbers.merge(defines(slurp(EXITSTAT_VECTORS)));

	const auto from = text.find("#define " + macro + " \\");
	EXPECT_NE(from, std::string::npos) << macro << " is not in " << header;
	const std::string body = text.substr(from, text.find("\n\n", from) - from);

	static const std::regex entry(R"re(\{\s*(\w+)(?:\s*\+\s*(\w+))?,\s*"([^"]*)"\s*\})re");
	std::map<std::int64_t, std::string> all;
	for (std::sregex_iterator m(body.begin(), body.end(), entry), end; m != end; ++m)
		all[numbers.at((*m)[1]) + ((*m)[2].matched ? numbers.at((*m)[2]) : 0)] = (*m)[3];
	return all;
}

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

TEST(Leaf, ConstantsAreTheHeaders)
{
	const std::string text = slurp(EXITSTAT_UAPI_DIR "/asm/kvm_exit_stats.h");
	if (text.empty())
		GTEST_SKIP() << "these headers are not of a kernel with exit statistics";
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

TEST(Reasons, VmxNamesAreTheHeaders)
{
	expect_same_names(Isa::vmx, entries("vmx.h", "VMX_EXIT_REASONS"));
}

TEST(Reasons, SvmNamesAreTheHeaders)
{
	expect_same_names(Isa::svm, entries("svm.h", "SVM_EXIT_REASONS"));
}

} // namespace
