// SPDX-License-Identifier: GPL-2.0
/// \file
/// CSV, metrics, histograms, and how text is laid out.
#include "core/steal.hpp"
#include "formats/shown.hpp"

#include <cstdio>
#include <fstream>

using namespace exitstat;

namespace
{

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

TEST(HistogramText, HasALineABucket)
{
	const Report r = report(detailed_vmx(), Details::all);
	EXPECT_EQ("\n" + histogram(r, *std::ranges::find(r.delta.reasons, 30, &ReasonCount::code),
				   {.width = 60}, true),
		  R"(
               cycles :        exits  distribution
       2K -> 4K       :        6,000  |******************** |
       4K -> 8K       :            0  |                     |
       8K -> 16K      :        6,200  |*********************|
      16K -> 32K      :            0  |                     |
      32K -> 64K      :            0  |                     |
      64K -> 128K     :          145  |                     |
)");
	EXPECT_EQ(histogram(r, {{}, 31}, {}, false), "MSR_READ: no VM-Exits\n");
}

TEST(Steal, IsWhatTheKernelTells)
{
	const std::string path = testing::TempDir() + "stat";
	std::ofstream(path) << "cpu  1 2 3 4 5 6 7 250 0 0\ncpu0 1 1 1 1 1 1 1 50 0 0\n"
			       "cpu1 1 2 3\nintr 5\n";
	EXPECT_EQ(steal_time(std::nullopt, path), std::chrono::milliseconds(2'500));
	EXPECT_EQ(steal_time(0, path), std::chrono::milliseconds(500));
	EXPECT_EQ(steal_time(1, path), std::nullopt);
	EXPECT_EQ(steal_time(2, path), std::nullopt);
	EXPECT_EQ(steal_time(std::nullopt, path + "-is-not-there"), std::nullopt);
	std::remove(path.c_str());
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
