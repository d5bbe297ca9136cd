// SPDX-License-Identifier: GPL-2.0
/// \file
/// The lines of exitstat INTERVAL.
#include "formats/lines.hpp"
#include "model/fake_kvm.hpp"

#include <gtest/gtest.h>

#include <sstream>

using namespace exitstat;

namespace
{

Report report(FakeKvm kvm, double seconds, bool emulated = false)
{
	Report r{.info = detect(kvm.cpuid()),
		 .delta = since_start(detect(kvm.cpuid()), read_vm(kvm)),
		 .cpu = std::nullopt};
	r.emulated = emulated;
	r.delta.time = std::chrono::nanoseconds(std::int64_t(seconds * 1e9));
	r.period = Period::interval;
	return r;
}

std::string first_line(const std::string &text)
{
	return text.substr(0, text.find('\n') + 1);
}

TEST(Lines, AreRatesASecond)
{
	Lines lines({}, false);
	EXPECT_EQ("\n" + lines.line(report(booted_vmx(), 10)), R"(
  EXITS/S   %CPU  CYC/EXIT  IO_INSTRUCTION  EPT_VIOLATION    CPUID      HLT
    1,480   4.63    76,576           1,235            200       40      5.0
)");
	FakeKvm idle;
	idle.vcpus = {{{10, {1, 1'000}}}};
	EXPECT_EQ("\n" + lines.line(report(idle, 4)), R"(
      0.2   0.00     1,000               0              0      0.2        0
)");
	idle.vcpus = {};
	EXPECT_EQ("\n" + lines.line(report(idle, 1)), R"(
        0   0.00         -               0              0        0        0
)");
}

TEST(Lines, HaveNoFiguresOfWhatWasNotCounted)
{
	FakeKvm kvm = booted_vmx();
	Lines lines({}, false);
	lines.line(report(kvm, 10));
	kvm.counting = false;
	EXPECT_EQ("\n" + lines.line(report(kvm, 10)), R"(
        -      -         -               -              -        -        -
)");
}

TEST(Lines, HaveNoTimeInAnEmulator)
{
	Lines lines({}, false);
	EXPECT_EQ("\n" + lines.line(report(booted_svm(), 1, true)), R"(
  EXITS/S  CYC/EXIT      npf    cpuid  PF excp    other  reason 0x49     REST
      948     4,798      900       40      5.0      2.0          1.0        0
)");
}

TEST(Lines, PutTogetherWhatDoesNotFit)
{
	const Report r = report(booted_vmx(), 10);
	Lines lines({.width = 60}, false);
	EXPECT_EQ("\n" + lines.line(r), R"(
  EXITS/S   %CPU  CYC/EXIT  IO_INSTRUCTION     REST
    1,480   4.63    76,576           1,235      245
)");
	for (std::size_t width = 1; width < 120; width++) {
		Lines some({.width = width}, false);
		std::istringstream in(some.line(r));
		for (std::string line; std::getline(in, line);)
			EXPECT_LE(line.size(), std::max<std::size_t>(width, 26)) << width;
	}
}

TEST(Lines, ChooseTheirColumnsAnewWithEachHeader)
{
	Lines lines({.width = 56, .height = 4}, false);
	const std::string header = first_line(lines.line(report(booted_vmx(), 1)));
	EXPECT_NE(header.find("IO_INSTRUCTION"), std::string::npos);

	FakeKvm other;
	other.vcpus = {{{1, {1'000'000, 1}}}};
	EXPECT_EQ(lines.line(report(other, 1)).find("EXITS/S"), std::string::npos);
	const std::string again = lines.line(report(other, 1));
	EXPECT_NE(again.find("EXTERNAL_INTERRUPT"), std::string::npos) << again;
	EXPECT_EQ(again.find("IO_INSTRUCTION"), std::string::npos);
}

TEST(Lines, SayWhichCpu)
{
	Report r = report(booted_vmx(), 10);
	Lines lines({}, true);
	r.cpu = 1;
	EXPECT_TRUE(lines.line(r).starts_with(" CPU  EXITS/S "));
	r.cpu = 12;
	EXPECT_TRUE(lines.line(r).starts_with("  12    1,480 "));
}

TEST(Lines, WithoutHeader)
{
	Lines lines({.header = false}, false);
	EXPECT_EQ("\n" + lines.line(report(booted_vmx(), 10)), R"(
    1,480   4.63    76,576           1,235            200       40      5.0
)");
}

} // namespace
