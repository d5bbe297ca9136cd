// SPDX-License-Identifier: GPL-2.0
/// \file
/// The lines of exitstat INTERVAL.
#include "model/fake_kvm.hpp"
#include "text/lines.hpp"

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
	Lines lines({}, {});
	EXPECT_EQ("\n" + lines.line(report(booted_vmx(), 10)), R"(
  EXITS/S   %CPU  TIME/EXIT   IDLE/S  IO_INSTRUCTION  EPT_VIOLATION    CPUID
    1,475   0.54     3.7 us      5.0           1,235            200       40
)");
	FakeKvm idle;
	idle.vcpus = {{{10, {1, 1'000}}}};
	EXPECT_EQ("\n" + lines.line(report(idle, 4)), R"(
      0.2   0.00     409 ns        0               0              0      0.2
)");
	idle.vcpus = {};
	EXPECT_EQ("\n" + lines.line(report(idle, 1)), R"(
        0   0.00          -        0               0              0        0
)");
}

TEST(Lines, HaveNoFiguresOfWhatWasNotCounted)
{
	FakeKvm kvm = booted_vmx();
	Lines lines({}, {});
	lines.line(report(kvm, 10));
	kvm.counting = false;
	EXPECT_EQ("\n" + lines.line(report(kvm, 10)), R"(
        -      -          -        -               -              -        -
)");
}

TEST(Lines, HaveNoTimeInAnEmulator)
{
	Lines lines({}, {});
	EXPECT_EQ("\n" + lines.line(report(booted_svm(), 1, true)), R"(
  EXITS/S   CYC/EXIT   IDLE/S      npf    cpuid  PF excp    other  reason 0x49
      948      4,798        0      900       40      5.0      2.0          1.0
)");
}

TEST(Lines, PutTogetherWhatDoesNotFit)
{
	const Report r = report(booted_vmx(), 10);
	Lines lines({.width = 64}, {});
	EXPECT_EQ("\n" + lines.line(r), R"(
  EXITS/S   %CPU  TIME/EXIT   IDLE/S  IO_INSTRUCTION     REST
    1,475   0.54     3.7 us      5.0           1,235      240
)");
	for (std::size_t width = 1; width < 120; width++) {
		Lines some({.width = width}, {});
		std::istringstream in(some.line(r));
		for (std::string line; std::getline(in, line);)
			EXPECT_LE(line.size(), std::max<std::size_t>(width, 36)) << width;
	}
}

TEST(Lines, ChooseTheirColumnsAnewWithEachHeader)
{
	Lines lines({.width = 66, .height = 4}, {});
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
	Lines lines({}, {.cpu = true});
	r.cpu = 1;
	EXPECT_TRUE(lines.line(r).starts_with(" CPU  EXITS/S "));
	r.cpu = 12;
	EXPECT_TRUE(lines.line(r).starts_with("  12    1,475 "));
}

TEST(Lines, TellTheTimeOfDay)
{
	Lines lines({}, {.clock = true, .cycles = true});
	const std::string text = lines.line(report(booted_vmx(), 10));
	EXPECT_TRUE(text.starts_with("   CLOCK  EXITS/S   CYC/EXIT   IDLE/S ")) << text;
	const std::string line = text.substr(text.find('\n') + 1);
	EXPECT_TRUE(line[2] == ':' && line[5] == ':') << line;
	EXPECT_EQ(line.substr(8, 20), "    1,475      9,016");
}

TEST(Lines, WithoutHeader)
{
	Lines lines({.header = false}, {});
	EXPECT_EQ("\n" + lines.line(report(booted_vmx(), 10)), R"(
    1,475   0.54     3.7 us      5.0           1,235            200       40
)");
}

} // namespace
