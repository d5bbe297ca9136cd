// SPDX-License-Identifier: GPL-2.0
/// \file
/// That there is something to say about every exit reason, and that it is found and fits the
/// screen.
#include "reasons/explain.hpp"
#include "reasons/find.hpp"
#include "reasons/names.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace exitstat
{

static std::ostream &operator<<(std::ostream &out, const FoundReason &r)
{
	return out << (r.isa == Isa::vmx ? "VMX " : "SVM ") << r.code;
}

} // namespace exitstat

using namespace exitstat;

namespace
{

constexpr std::array both = {Isa::vmx, Isa::svm};
using Names = std::vector<std::string>;
using Found = std::vector<FoundReason>;

constexpr FoundReason vmx(std::int64_t code)
{
	return {Isa::vmx, std::uint16_t(code)};
}

constexpr FoundReason svm(std::int64_t code)
{
	return {Isa::svm, std::uint16_t(code)};
}

Names lines(const std::string &text)
{
	Names all;
	std::istringstream in(text);
	for (std::string line; std::getline(in, line);)
		all.push_back(line);
	return all;
}

/// Call \p f for the code and name of every reason that has a name.
template <typename F>
void for_each_reason(F f)
{
	for (const Isa isa : both)
		for (const NamedReason &reason : named_reasons(isa))
			f(isa, reason.code, reason.name);
}

// The headers' names, to the last of them, and more only where newer headers have it.
TEST(Names, AreTheHeaders)
{
	for (const Isa isa : both) {
		for (const ReasonName &reason : reason_names(isa)) {
			if (reason.code < 0 || reason.code >= other_reason)
				continue; // KVM's own
			EXPECT_EQ(name_of(isa, std::uint16_t(reason.code)), reason.name);
		}
		EXPECT_EQ(named_reasons(isa).back().name, "other");
		EXPECT_EQ(name_of(isa, other_reason), "other");
	}
	EXPECT_EQ(name_of(Isa::vmx, 84), "MSR_READ_IMM"); // since Linux 6.18
	EXPECT_EQ(name_of(Isa::vmx, 5), "reason 0x5");
}

TEST(Explanation, OfEveryReason)
{
	for_each_reason([](Isa isa, std::uint16_t code, std::string_view name) {
		const Explanation *e = explanation(isa, code);
		ASSERT_NE(e, nullptr) << name << " has no explanation";
		for (const std::string_view part :
		     {e->summary, e->meaning, e->causes, e->advice, e->source}) {
			EXPECT_FALSE(part.empty()) << name;
			EXPECT_EQ(part.find("  "), part.npos)
				<< name << ": two blanks in: " << part;
			EXPECT_TRUE(std::ranges::all_of(
				part, [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; }))
				<< name << ": not ASCII: " << part;
		}
		EXPECT_LE(e->summary.size(), 60U) << name;
		EXPECT_EQ(e->summary.find('\n'), e->summary.npos) << name;
		EXPECT_FALSE(e->summary.ends_with('.')) << name;
		for (const std::string_view sentences : {e->meaning, e->causes, e->advice})
			EXPECT_TRUE(sentences.ends_with('.')) << name << ": " << sentences;
	});
}

TEST(Explanation, OfNoOtherCode)
{
	for (const Isa isa : both)
		for (std::uint32_t code = 0; code <= UINT16_MAX; code++)
			EXPECT_EQ(explanation(isa, std::uint16_t(code)) != nullptr,
				  code == other_reason ||
					  code <= (isa == Isa::vmx ? 0x7FU : 0xAFU) ||
					  (isa == Isa::svm && code >= 0x400 && code < 0x410))
				<< "code " << code;
}

TEST(Explanation, NamesTheManualOfItsIsa)
{
	for_each_reason([](Isa isa, std::uint16_t code, std::string_view name) {
		const std::string_view manual =
			isa == Isa::vmx ? "Intel SDM volume 3, " : "AMD APM volume 2, ";
		EXPECT_TRUE(explanation(isa, code)->source.starts_with(manual)) << name;
	});
}

/// An entry at the wrong code, or a range of codes one too wide or too narrow, is about something
/// else than what the name says.
TEST(Explanation, IsAboutWhatTheNameSays)
{
	const auto lower = [](std::string_view text) {
		std::string s(text);
		for (char &c : s)
			c = c == '_' ? ' ' : char(std::tolower(static_cast<unsigned char>(c)));
		return s;
	};
	// Those that the texts have other words for.
	const std::string_view others = "|VMOFF|VMON|IO_INSTRUCTION|io|npf|PF excp|vintr|swint|"
					"shutdown|vmgexit|other|";
	for_each_reason([&](Isa isa, std::uint16_t code, std::string_view name) {
		const Explanation *e = explanation(isa, code);
		const std::string text = lower(e->summary) + " " + lower(e->meaning);
		std::istringstream words(lower(name));
		bool said = others.find("|" + std::string(name) + "|") != others.npos;
		for (std::string word; words >> word;) {
			word.erase(word.find_last_not_of("0123456789") + 1);
			said |= word != "read" && word != "write" && word != "excp" &&
				text.find(word) != text.npos;
		}
		EXPECT_TRUE(said) << name << ": " << e->summary;
	});
}

/// What VMX and SVM both have is advised alike.
TEST(Explanation, IsSharedByCounterparts)
{
	for (const auto &[a, b] : {std::pair(vmx(EXIT_REASON_HLT), svm(SVM_EXIT_HLT)),
				   {vmx(EXIT_REASON_CPUID), svm(SVM_EXIT_CPUID)},
				   {vmx(EXIT_REASON_EXTERNAL_INTERRUPT), svm(SVM_EXIT_INTR)},
				   {vmx(EXIT_REASON_IO_INSTRUCTION), svm(SVM_EXIT_IOIO)},
				   {vmx(EXIT_REASON_INTERRUPT_WINDOW), svm(SVM_EXIT_VINTR)},
				   {vmx(EXIT_REASON_TRIPLE_FAULT), svm(SVM_EXIT_SHUTDOWN)},
				   {vmx(EXIT_REASON_DR_ACCESS), svm(SVM_EXIT_READ_DR7)}}) {
		EXPECT_EQ(explanation(a.isa, a.code)->causes, explanation(b.isa, b.code)->causes)
			<< a;
		EXPECT_EQ(explanation(a.isa, a.code)->advice, explanation(b.isa, b.code)->advice)
			<< a;
	}

	// Two reasons of VMX are one of SVM, whose text has that of both.
	const std::string_view npf = explanation(Isa::svm, SVM_EXIT_NPF)->causes;
	EXPECT_NE(npf.find(explanation(Isa::vmx, EXIT_REASON_EPT_VIOLATION)->causes), npf.npos);
	EXPECT_NE(npf.find(explanation(Isa::vmx, EXIT_REASON_EPT_MISCONFIG)->causes), npf.npos);
	const std::string_view msr = explanation(Isa::svm, SVM_EXIT_MSR)->causes;
	EXPECT_NE(msr.find(explanation(Isa::vmx, EXIT_REASON_MSR_READ)->causes), msr.npos);
	EXPECT_NE(msr.find(explanation(Isa::vmx, EXIT_REASON_MSR_WRITE)->causes), msr.npos);
}

TEST(FindReasons, EveryNameAndCode)
{
	for_each_reason([](Isa isa, std::uint16_t code, std::string_view name) {
		EXPECT_EQ(find_reasons(name, isa), Found({{isa, code}})) << name;
		EXPECT_EQ(find_reasons(std::to_string(code), isa), Found({{isa, code}})) << name;
	});
}

TEST(FindReasons, CaseAndBlanksDoNotMatter)
{
	for (const char *text : {"EPT_VIOLATION", "ept_violation", "Ept Violation", "ept-violation",
				 " EPT  VIOLATION ", "EXIT_REASON_EPT_VIOLATION"})
		EXPECT_EQ(find_reasons(text, std::nullopt), Found({vmx(EXIT_REASON_EPT_VIOLATION)}))
			<< text;
	for (const char *text : {"PF excp", "pf_excp", "PF-EXCP", "pf", "#PF"})
		EXPECT_EQ(find_reasons(text, std::nullopt),
			  Found({svm(SVM_EXIT_EXCP_BASE + PF_VECTOR)}))
			<< text;
	for (const char *text : {"npf", "NPF", "VMEXIT_NPF", "SVM_EXIT_NPF"})
		EXPECT_EQ(find_reasons(text, std::nullopt), Found({svm(SVM_EXIT_NPF)})) << text;
}

TEST(FindReasons, InBothIsas)
{
	const Found cpuid{vmx(EXIT_REASON_CPUID), svm(SVM_EXIT_CPUID)};
	EXPECT_EQ(find_reasons("cpuid", std::nullopt), cpuid);
	EXPECT_EQ(find_reasons("CPUID", Isa::vmx), Found({cpuid[0]}));
	EXPECT_EQ(find_reasons("CPUID", Isa::svm), Found({cpuid[1]}));
	EXPECT_EQ(find_reasons("pause", std::nullopt),
		  Found({vmx(EXIT_REASON_PAUSE_INSTRUCTION), svm(SVM_EXIT_PAUSE)}));
	EXPECT_EQ(find_reasons("other", std::nullopt), Found({vmx(0x7FF), svm(0x7FF)}));
	EXPECT_EQ(find_reasons("npf", Isa::vmx), Found{});
}

TEST(FindReasons, ByCode)
{
	EXPECT_EQ(find_reasons("48", Isa::vmx), Found({vmx(EXIT_REASON_EPT_VIOLATION)}));
	EXPECT_EQ(find_reasons("0x30", Isa::vmx), Found({vmx(EXIT_REASON_EPT_VIOLATION)}));
	EXPECT_EQ(find_reasons("0x400", std::nullopt), Found({svm(SVM_EXIT_NPF)}));
	EXPECT_EQ(find_reasons(" 0X400 ", std::nullopt), Found({svm(SVM_EXIT_NPF)}));
	EXPECT_EQ(find_reasons("0", std::nullopt), Found({vmx(0), svm(0)}));
	EXPECT_EQ(find_reasons("2047", std::nullopt), Found({vmx(0x7FF), svm(0x7FF)}));
}

// As the leaf counts them.
TEST(FindReasons, WithoutAName)
{
	EXPECT_EQ(find_reasons("5", Isa::vmx), Found({vmx(5)}));
	EXPECT_EQ(find_reasons("127", std::nullopt), Found({vmx(127), svm(127)}));
	for (const std::string &text : {std::string("0x49"), name_of(Isa::svm, 0x49)})
		EXPECT_EQ(find_reasons(text, Isa::svm), Found({svm(0x49)})) << text;
}

TEST(FindReasons, ByTheNamesOfManuals)
{
	EXPECT_EQ(find_reasons("VMEXIT_INTR", std::nullopt), Found({svm(SVM_EXIT_INTR)}));
	EXPECT_EQ(find_reasons("vmmcall", std::nullopt), Found({svm(SVM_EXIT_VMMCALL)}));
	EXPECT_EQ(find_reasons("ioio", std::nullopt), Found({svm(SVM_EXIT_IOIO)}));
	EXPECT_EQ(find_reasons("vmxon", std::nullopt), Found({vmx(EXIT_REASON_VMON)}));
}

TEST(FindReasons, NothingElse)
{
	for (const char *text : {"",
				 " ",
				 "_",
				 "-1",
				 "+1",
				 "0x",
				 "48x",
				 "128",
				 "0x400",
				 "reason",
				 "reason 128",
				 "65535",
				 "65536",
				 "4294967344",
				 "0x80000001",
				 "EPT",
				 "EPT_VIOLATON",
				 "excp",
				 "instruction",
				 "vmgexit_mmio_read",
				 "invalid_guest_state"})
		EXPECT_EQ(find_reasons(text, Isa::vmx), Found{}) << text;
	for (const char *text : {"-1", "0xb0", "0x3ff", "0x410", "0x7fe", "0x80000001",
				 "vmgexit_mmio_read", "invalid_guest_state", "excp"})
		EXPECT_EQ(find_reasons(text, Isa::svm), Found{}) << text;
}

TEST(NearestReasons, ByFewLetters)
{
	EXPECT_EQ(nearest_reasons("EPT_VIOLATON", std::nullopt, 1), Names({"EPT_VIOLATION"}));
	EXPECT_EQ(nearest_reasons("ept vioaltion", std::nullopt, 1), Names({"EPT_VIOLATION"}));
	EXPECT_EQ(nearest_reasons("violaton", std::nullopt, 1), Names({"EPT_VIOLATION"}));
	EXPECT_EQ(nearest_reasons("htl", Isa::vmx, 1), Names({"HLT"}));
	EXPECT_EQ(nearest_reasons("msr_raed", std::nullopt, 1), Names({"MSR_READ"}));
	EXPECT_EQ(nearest_reasons("cr0", Isa::vmx, 1), Names({"CR_ACCESS"}));
}

TEST(NearestReasons, ByPartOfTheName)
{
	EXPECT_EQ(nearest_reasons("cr0", std::nullopt, 4),
		  Names({"read_cr0", "write_cr0", "cr0_sel_write", "write_cr0_trap"}));
	EXPECT_EQ(nearest_reasons("cr0 write", Isa::svm, 1), Names({"write_cr0"}));
	// The third one is of newer headers, or MSR_LOAD_FAIL.
	EXPECT_EQ(nearest_reasons("msr", Isa::vmx, 2), Names({"MSR_READ", "MSR_WRITE"}));
	EXPECT_TRUE(nearest_reasons("msr", Isa::vmx).back().starts_with("MSR_"));
	EXPECT_EQ(nearest_reasons("ept", std::nullopt),
		  Names({"EPT_VIOLATION", "EPT_MISCONFIG", "INVEPT"}));
	EXPECT_EQ(nearest_reasons("CPUI", std::nullopt, 5).front(), "CPUID");
}

TEST(NearestReasons, ByTheSummary)
{
	EXPECT_EQ(nearest_reasons("mmio", Isa::vmx, 1), Names({"EPT_MISCONFIG"}));
	EXPECT_EQ(nearest_reasons("mmio", Isa::svm, 1), Names({"npf"}));
	EXPECT_EQ(nearest_reasons("idle", Isa::vmx, 1), Names({"HLT"}));
	EXPECT_EQ(nearest_reasons("live migration", Isa::vmx, 1), Names({"PML_FULL"}));
}

TEST(NearestReasons, OnlyOfTheIsaAndOnlyReasons)
{
	for (const std::string &name : nearest_reasons("read", Isa::vmx, 1000))
		EXPECT_EQ(find_reasons(name, Isa::vmx).size(), 1U) << name;
	for (const std::string &name : nearest_reasons("vmgexit", Isa::svm, 1000))
		EXPECT_EQ(find_reasons(name, Isa::svm).size(), 1U) << name;
	EXPECT_EQ(nearest_reasons("cpui", std::nullopt, 1000), Names({"CPUID"}));
}

TEST(NearestReasons, NoneForNonsense)
{
	for (const char *text : {"", " ", "__", "xyzzyxyzzy", "qqqqqqq"})
		EXPECT_EQ(nearest_reasons(text, std::nullopt), Names{}) << text;
	EXPECT_EQ(nearest_reasons("cr0", std::nullopt, 0), Names{});
	EXPECT_EQ(nearest_reasons(std::string(100'000, 'x'), std::nullopt), Names{});
}

TEST(Explain, FitsTheWidth)
{
	for_each_reason([](Isa isa, std::uint16_t code, std::string_view name) {
		for (const std::size_t width : {40, 80, 120}) {
			const std::string page = explain(isa, code, width);
			EXPECT_TRUE(page.ends_with('\n') && !page.ends_with("\n\n")) << name;
			for (const std::string &line : lines(page)) {
				EXPECT_LE(line.size(), width) << name << ": " << line;
				EXPECT_FALSE(line.ends_with(' ')) << name << ": " << line;
			}
		}
		EXPECT_EQ(explain(isa, code, 0), explain(isa, code, 40)) << name;
	});
}

TEST(Explain, LosesNoWord)
{
	const auto all_words = [](std::string_view text) {
		std::istringstream in{std::string(text)};
		return Names(std::istream_iterator<std::string>(in), {});
	};
	for_each_reason([&](Isa isa, std::uint16_t code, std::string_view name) {
		const Explanation *e = explanation(isa, code);
		std::string text = lines(explain(isa, code, 1000)).front();
		for (const auto &[heading, part] : {std::pair("What:", e->meaning),
						    {"Usually caused by:", e->causes},
						    {"What to try:", e->advice},
						    {"Source:", e->source}})
			text += std::string(" ") + heading + " " + std::string(part);
		for (const std::size_t width : {40, 80, 1000})
			EXPECT_EQ(all_words(explain(isa, code, width)), all_words(text)) << name;
	});
}

TEST(Explain, Title)
{
	EXPECT_EQ(lines(explain(Isa::vmx, EXIT_REASON_EPT_VIOLATION, 80)).front(),
		  "EPT_VIOLATION (VMX basic exit reason 48)");
	EXPECT_EQ(lines(explain(Isa::svm, SVM_EXIT_NPF, 80)).front(), "npf (SVM exit code 0x400)");
	EXPECT_EQ(lines(explain(Isa::svm, other_reason, 80)).front(),
		  "other (every other SVM exit code)");
}

TEST(Explain, WhatHasNoName)
{
	EXPECT_EQ(lines(explain(Isa::vmx, 5, 80)).front(), "reason 0x5 (VMX basic exit reason 5)");
	EXPECT_EQ(lines(explain(Isa::svm, 0x49, 80)).front(), "reason 0x49 (SVM exit code 0x49)");
	EXPECT_TRUE(explain_line(Isa::svm, 0x49).starts_with("reason 0x49   "));
}

TEST(Explain, NothingOfWhatIsNoReason)
{
	EXPECT_EQ(explain(Isa::vmx, 0x80, 80), "");
	EXPECT_EQ(explain(Isa::svm, 0xB0, 80), "");
	EXPECT_EQ(explain_line(Isa::vmx, 0x400), "");
}

TEST(Explain, ThePage)
{
	EXPECT_EQ("\n" + explain(Isa::vmx, EXIT_REASON_PML_FULL, 80), R"golden(
PML_FULL (VMX basic exit reason 62)

What: The CPU logged the addresses of pages that the guest wrote
    (page-modification logging), and the log is full.

Usually caused by: Live migration, or a snapshot of a running VM: KVM logs which
    pages the guest writes, the CPU puts their addresses into a buffer of 512
    entries, and exits when it is full.

What to try:
    It ends with the migration.
    In the guest: writing less memory makes it end sooner.
    On the host: nothing; without the buffer (kvm_intel.pml=0) there is an
      EPT_VIOLATION for each page instead of one exit for 512.

Source: Intel SDM volume 3, chapter "VMX Support for Address Translation",
    section "The Extended Page Table Mechanism (EPT)"
)golden");
}

TEST(ExplainLine, IsAColumnOfNamesAndOneOfSummaries)
{
	EXPECT_EQ(explain_line(Isa::vmx, EXIT_REASON_EPT_VIOLATION),
		  "EPT_VIOLATION        memory was accessed that EPT does not map or allow");
	for_each_reason([](Isa isa, std::uint16_t code, std::string_view name) {
		const std::string line = explain_line(isa, code);
		const std::string_view summary = explanation(isa, code)->summary;
		EXPECT_TRUE(line.starts_with(name)) << line;
		EXPECT_TRUE(line.ends_with(summary)) << line;
		EXPECT_EQ(line.size() - summary.size(),
			  explain_line(isa, other_reason).size() -
				  explanation(isa, other_reason)->summary.size())
			<< line;
		EXPECT_LT(line.size(), 80U) << line;
	});
}

} // namespace
