// SPDX-License-Identifier: GPL-2.0
/// \file
/// Reports for programs: CSV; and for terminals of all sizes. (JSON is in
/// report_test, metrics in metrics_test.)
#include "commands/commands.hpp"
#include "model/fake_kvm.hpp"

#include <gtest/gtest.h>

#include <sstream>

using namespace exitstat;

namespace
{

Report report(FakeKvm kvm, Details details, bool emulated = false)
{
	Reader reader(kvm.cpuid(), thousand_seconds);
	Report r = Machine{reader, emulated}.report(reader.read(details), std::nullopt);
	sort(r.delta.reasons, r.info.isa, Sort::exits);
	return r;
}

Report interval(FakeKvm kvm, double seconds)
{
	Report r = report(kvm, Details::none);
	r.period = Period::interval;
	r.delta.time = std::chrono::nanoseconds(std::int64_t(seconds * 1e9));
	r.delta.own_exits = 11;
	return r;
}

TEST(Csv, HasALineAReason)
{
	EXPECT_EQ("\n" + csv(report(detailed_vmx(), Details::all), true), R"(
uptime,seconds,scope,cpu,code,reason,exits,cycles,ns,cpu_percent,user_exits,away_cycles,p50_below,p90_below,p99_below,max_below,generation,counting,away_ns,idle
1000.000000,1000.000000,vm,,30,IO_INSTRUCTION,12345,123456789,50485170,0.0050,2345,223456789,16384,16384,131072,131072,9e3779b97f4a7c15,1,91378159,0
1000.000000,1000.000000,vm,,48,EPT_VIOLATION,2000,9000001,3680369,0.0004,0,9000001,8192,8192,8192,8192,9e3779b97f4a7c15,1,3680369,0
1000.000000,1000.000000,vm,,10,CPUID,400,480000,196286,0.0000,0,480000,1024,1024,1024,8192,9e3779b97f4a7c15,1,196286,0
1000.000000,1000.000000,vm,,12,HLT,50,1000000000,408929884,0.0409,0,90000000000,,,,,9e3779b97f4a7c15,1,36803689529,1
)");
}

TEST(Csv, LeavesOutWhatIsNotKnown)
{
	Report r = report(booted_svm(), Details::all, true);
	r.cpu = 3;
	const std::string text = csv(r, false);
	EXPECT_EQ(text.substr(0, text.find('\n')), "1000.000000,1000.000000,vcpu,3,1024,npf,900,"
						   "4500000,,,,,,,,,9e3779b97f4a7c15,1,,0");
	r.delta.generation = 0;
	r.delta.counting = false;
	r.delta.time = {};
	const std::string less = csv(r, false);
	EXPECT_EQ(less.substr(0, less.find('\n')),
		  "1000.000000,,vcpu,3,1024,npf,900,4500000,,,,,,,,,,0,,0");
}

TEST(Csv, HasALineWhereNothingHappened)
{
	FakeKvm kvm;
	kvm.vcpus = {};
	EXPECT_EQ(csv(interval(kvm, 10), false),
		  "1000.000000,10.000000,vm,,,,0,0,0,0.0000,,,,,,,9e3779b97f4a7c15,1,,\n");
}

TEST(Table, OfAnInterval)
{
	EXPECT_EQ("\n" + table(interval(booted_vmx(), 10), {}), R"(
VM-Exits in 10.00 s: whole VM, 2 vCPUs, VMX, TSC 2445.407 MHz
REASON           EXITS  EXITS/S         CYCLES     %  CYCLES/EXIT  %CPU
IO_INSTRUCTION  12,345    1,235    123,456,789  10.9       10,001  0.50
EPT_VIOLATION    2,000      200      9,000,001   0.8        4,500  0.04
CPUID              400       40        480,000   0.0        1,200  0.00
HLT                 50      5.0  1,000,000,000  88.3   20,000,000  4.09
TOTAL           14,795    1,480  1,132,936,790 100.0       76,576  4.63
11 VM-Exits that exitstat caused itself are left out.
)");
}

TEST(Table, OfAnIntervalThatWasNotCounted)
{
	Report r = interval(booted_vmx(), 10);
	r.delta.counting = false;
	EXPECT_TRUE(table(r, {}).ends_with("\nNote: the host had switched the counting off: "
					   "VM-Exits of that time are missing.\n"));
}

TEST(Table, OfACommand)
{
	Report r = interval(booted_vmx(), 2.5);
	r.period = Period::command;
	r.command = {"sh", "-c", "it's; \033[31mred"};
	EXPECT_TRUE(table(r, {}).starts_with(
		"VM-Exits during sh -c 'it'\\''s; ?[31mred', 2.50 s: whole VM, 2 vCPUs, VMX, "));
}

TEST(Table, HasTheWidthOfTheTerminal)
{
	const Report r = report(detailed_vmx(), Details::all);
	for (std::size_t width = 1; width < 160; width++) {
		std::istringstream in(table(r, {.width = width}));
		std::string line;
		std::getline(in, line); // the heading
		while (std::getline(in, line) && !line.starts_with("TO USER"))
			// What must be there: name, exits, away cycles.
			EXPECT_LE(line.size(), std::max<std::size_t>(width, 24)) << line;
	}
	// One table where there is room, two where there is not.
	EXPECT_EQ(table(r, {.width = 150}).find("\n\n"), std::string::npos);
	EXPECT_NE(table(r, {.width = 80}).find("\n\n"), std::string::npos);
}

TEST(Table, ColoursAndHeadersAreOptional)
{
	const Report r = report(booted_vmx(), Details::none);
	EXPECT_EQ(table(r, {}).find('\033'), std::string::npos);
	EXPECT_NE(table(r, {.colour = true}).find("\033[1mHLT"), std::string::npos);
	const std::string bare = table(r, {.header = false});
	EXPECT_TRUE(bare.starts_with("IO_INSTRUCTION "));
	EXPECT_EQ(std::ranges::count(bare, '\n'), 5);
}

TEST(Layout, ShowsWhatFitsTheLeastExpendableFirst)
{
	using Shown = std::vector<bool>;
	const std::vector<Slot> slots{{10, 0}, {5, 2}, {8, 1}, {1, 3}, {4, 2}};
	EXPECT_EQ(fit(slots, 28), Shown({true, true, true, true, true}));
	EXPECT_EQ(fit(slots, 27), Shown({true, true, true, false, true}));
	EXPECT_EQ(fit(slots, 26), Shown({true, true, true, false, false}));
	// What is expendable does not take the place of what is less so, however small it is.
	EXPECT_EQ(fit(slots, 17), Shown({true, false, false, false, false}));
	EXPECT_EQ(fit(slots, 1), Shown({true, false, false, false, false}));
	EXPECT_EQ(fit({}, 1), Shown());
}

TEST(Layout, RatesOfASecond)
{
	EXPECT_EQ(rate(0), "0");
	EXPECT_EQ(rate(0.26), "0.3");
	EXPECT_EQ(rate(9.96), "10");
	EXPECT_EQ(rate(1e30), "18,000,000,000,000,000,000");
	EXPECT_EQ(rate(5, 0), "-");
	EXPECT_EQ(rate(0, 0), "0");
}

TEST(Style, FollowsTheEnvironment)
{
	setenv("COLUMNS", "132", 1);
	EXPECT_EQ(style_of(-1).width, 132U);
	for (const char *nonsense : {"", "x", "0", "-5", "99999999", "12x"}) {
		setenv("COLUMNS", nonsense, 1);
		EXPECT_EQ(style_of(-1).width, 80U) << nonsense;
	}
	unsetenv("COLUMNS");
	EXPECT_FALSE(style_of(-1).colour);
}

} // namespace
