// SPDX-License-Identifier: GPL-2.0
/// \file
/// What gnuplot is told.
#include "plot/sessions.hpp"

#include <limits>

using namespace exitstat;

namespace
{

TEST(PlotScript, ShowsRatesWithoutTheRecordersOwn)
{
	const auto rates = block(svg(one_second()), "rates");
	// From 0 to 1 s: 5 of CPUID, and EPT_VIOLATION above them.
	EXPECT_EQ(rates, (std::vector<std::vector<double>>{{0, 5, 105}, {1, 5, 105}}));
}

TEST(PlotScript, ShowsShares)
{
	const std::string script = svg(one_second());
	// CPUID: 20,000 cycles, of which 15 of our VM-Exits took 1000 each.
	for (const char *text :
	     {"EPT_VIOLATION", "100", "95.2 %", "98.8 %", "CPUID", "5", "4.8 %", "1.2 %"})
		EXPECT_TRUE(has(script, "set label \"" + std::string(text) + "\" at ")) << text;
	EXPECT_LT(script.find("EPT_VIOLATION"), script.find("CPUID"));
}

TEST(PlotScript, ShowsHistogramsWithoutTheRecordersOwn)
{
	const std::string script = svg(one_second());
	// x from and to, y from and to; the highest bar, with 4 of 5, is 0.8 above its line.
	EXPECT_EQ(block(script, "row0"),
		  (std::vector<std::vector<double>>{{11, 12, 1, 1.81}, {12, 13, 1, 1.31}}));
	EXPECT_EQ(block(script, "row1"),
		  (std::vector<std::vector<double>>{{9, 10, 0, 0.26}, {12, 13, 0, 0.86}}));
	EXPECT_TRUE(has(script, "(highest bar: 80 %)"));
}

TEST(PlotScript, HasTimeWhereCyclesAreTime)
{
	Session session = one_second();
	const std::string time = svg(session);
	// 2 GHz: 4096 cycles are 2 us.
	EXPECT_TRUE(has(time, R"(set xlabel "Time to handle a VM-Exit")"));
	EXPECT_TRUE(has(time, "set xtics (\"500 ns\" 9.96578, \"1.0 us\" 10.9658, "
			      "\"2.0 us\" 11.9658)"));
	EXPECT_TRUE(has(time, "\"<2.0 us\" at"));
	EXPECT_TRUE(has(time, "which took 0.0 % of the vCPUs' time\""));

	session.emulated = true;
	const std::string cycles = svg(session);
	session.emulated = false;
	session.info.tsc_khz = 0;
	for (const std::string &script : {cycles, svg(session)}) {
		EXPECT_TRUE(has(script, "set xlabel \"Cycles to handle a VM-Exit (ticks of the "
					"host's TSC)\""));
		EXPECT_TRUE(
			has(script, R"(set xtics ("512" 9, "1K" 10, "2K" 11, "4K" 12, "8K" 13))"));
		EXPECT_TRUE(has(script, R"("<4K" at)"));
		EXPECT_FALSE(has(script, "of the vCPUs"));
	}
	EXPECT_TRUE(has(cycles, "in an emulator: cycles are not time"));
}

TEST(PlotScript, OfTheFirstAndTheLastBucket)
{
	Session session = one_second();
	session.emulated = true;
	session.samples[1].reasons[1].histogram[0] = 1;
	session.samples[1].reasons[1].histogram[31] = 1;
	const std::string script = svg(session);
	EXPECT_EQ(block(script, "row0")[0][0], -1);
	EXPECT_EQ(block(script, "row0")[3][1], 31);
	EXPECT_TRUE(has(script, R"(set xtics ("1" 0, "8" 3, "64" 6, )"));
	EXPECT_TRUE(has(script, R"(">=1G" at)"));
	EXPECT_TRUE(has(script, R"(; the last bar has all above")"));
}

TEST(PlotScript, HasHistogramsOnlyIfTheyWereReadTwice)
{
	for (const std::vector<std::size_t> &without :
	     {std::vector<std::size_t>{0}, {1}, std::vector<std::size_t>{0, 1}}) {
		Session session = one_second();
		for (const std::size_t i : without)
			for (ReasonCount &r : session.samples[i].reasons)
				r.histogram.clear();
		const std::string script = svg(session);
		EXPECT_FALSE(has(script, "P99"));
		EXPECT_TRUE(has(script, "EPT_VIOLATION"));
	}
	// Or more often, with others in between and after it.
	Session session = one_second();
	Snapshot more = session.samples[1];
	for (ReasonCount &r : more.reasons)
		r.histogram.clear();
	more.time = 100'500ms;
	session.samples.insert(session.samples.begin() + 1, more);
	more.time = 102s;
	session.samples.push_back(more);
	EXPECT_EQ(block(svg(session), "row0"), block(svg(one_second()), "row0"));
}

TEST(PlotScript, SaysOfWhat)
{
	Session session = one_second();
	const std::string script = svg(session);
	EXPECT_TRUE(has(script, R"("VM-Exits during make -j8 'it'\134''s_all'")"));
	EXPECT_TRUE(has(script, "\"whole VM, 2 vCPUs, VMX, TSC 2000.000 MHz; 2025-11-21 10:13:20 "
				"UTC; 105 VM-Exits in 1.0 s, "));
	EXPECT_TRUE(has(script, "set xlabel \"Seconds since the recording began, 100 s after the "
				"guest's boot\""));
	EXPECT_TRUE(has(script, " noenhanced ")); // so that a _ is a _

	session.command = {"a\nb\x1b[0m\xff", std::string(1000, 'x')};
	session.info.isa = Isa::svm;
	session.info.vcpus = 1;
	session.info.tsc_khz = 0;
	const std::string other = svg(session);
	EXPECT_TRUE(has(other, R"("VM-Exits during 'a\077b\077[0m\077' xxx)"));
	EXPECT_TRUE(has(other, R"(xxx..." at)"));
	EXPECT_TRUE(has(other, R"("whole VM, 1 vCPU, SVM; 2025)"));

	session.command.clear();
	EXPECT_TRUE(has(svg(session), R"(set label "VM-Exits" at)"));
}

TEST(PlotScript, TellsTimeInFittingUnits)
{
	for (const auto &[length, text] :
	     {std::pair(599s, "set xrange [0:599]\nset xtics autofreq\nset xlabel \"Seconds since"),
	      {600s, "set xrange [0:10]\nset xtics autofreq\nset xlabel \"Minutes since"},
	      {36'000s, "set xrange [0:10]\nset xtics autofreq\nset xlabel \"Hours since"}}) {
		Session session = one_second();
		session.samples[1].time = session.samples[0].time + length;
		EXPECT_TRUE(has(svg(session), text)) << text;
	}
}

TEST(PlotScript, HasEightColoursAndAllOthers)
{
	const std::string eight = svg(busy(3, 8)), nine = svg(busy(3, 9)),
			  twelve = svg(busy(3, 12));
	EXPECT_FALSE(has(eight, "all others"));
	EXPECT_EQ(block(eight, "rates")[0].size(), 9U);
	// The ninth alone may as well be told.
	EXPECT_FALSE(has(nine, "all others"));
	EXPECT_EQ(block(nine, "rates")[0].size(), 10U);
	EXPECT_TRUE(has(twelve, "all others"));
	EXPECT_EQ(block(twelve, "rates")[0].size(), 10U);
	EXPECT_TRUE(has(twelve, "APIC_ACCESS"));
	// Nothing is lost.
	double rate = 0;
	for (int code = 0; code < 12; code++)
		rate += 10.0 * (1000 / (code + 1));
	EXPECT_NEAR(block(twelve, "rates")[0].back(), rate, rate * 1e-5);
}

TEST(PlotScript, SaysWhatWasNotCounted)
{
	Session session = one_second();
	EXPECT_FALSE(has(svg(session), "not counted"));
	session.samples[1].counting = false;
	EXPECT_TRUE(has(svg(session), "; not counted all the time"));
}

TEST(PlotScript, HasNoMoreThanAPictureCanShow)
{
	const Session session = busy(10'000, 3);
	const auto rates = block(svg(session), "rates");
	EXPECT_LE(rates.size(), 2 * 600U);
	EXPECT_GE(rates.size(), 2 * 590U);
	// All exits are in it.
	double exits = 0, expected = 0;
	for (std::size_t i = 0; i < rates.size(); i += 2) {
		EXPECT_EQ(rates[i][0], i ? rates[i - 1][0] : 0);
		exits += 60 * (rates[i + 1][0] - rates[i][0]) * rates[i].back();
	}
	for (const ReasonCount &reason : session.samples.back().reasons)
		expected += double(reason.exits);
	EXPECT_NEAR(exits, expected, expected * 1e-4);
}

TEST(PlotScript, LeavesOutIdleVcpus)
{
	Session session = one_second();
	session.samples[1].reasons.insert(session.samples[1].reasons.begin() + 1,
					  {{40, 4'000}, 12});
	const std::string script = svg(session);
	EXPECT_TRUE(has(script, ", 40 of idle vCPUs left out"));
	EXPECT_FALSE(has(script, "HLT"));
}

TEST(PlotScript, SurvivesAResetAndEqualTimes)
{
	Session session = one_second();
	Snapshot reset{.time = 102s, .vcpus = 2, .reasons = {{{7, 700}, 48}}};
	session.samples.push_back(reset);
	session.samples.push_back(reset);
	const auto rates = block(svg(session), "rates");
	ASSERT_EQ(rates.size(), 4U);
	EXPECT_EQ(rates[2], (std::vector<double>{1, 0, 7}));
}

TEST(PlotScript, SurvivesAnyNumbers)
{
	constexpr auto max = std::numeric_limits<std::uint64_t>::max();
	Session session = session_of();
	session.own_cycles_per_exit = max;
	for (const std::uint64_t n : {std::uint64_t(0), max / 2, max - 1}) {
		Snapshot s{.time = std::chrono::nanoseconds(n ? n / 2 : 0),
			   .vcpus = 0,
			   .total = {max, max},
			   .reasons = {{{n, n}, 10, n, n, Histogram(32, n)},
				       {{n, n}, 11, n, n, Histogram(32, n)}},
			   .own_exits = 5};
		session.samples.push_back(s);
	}
	EXPECT_TRUE(has(svg(session), "\nplot $rates"));
	session.samples.resize(2);
	session.samples[1].time = 1ns;
	for (const auto &line : block(svg(session), "rates"))
		for (const double rate : line)
			EXPECT_TRUE(std::isfinite(rate));
}

TEST(PlotScript, NeedsSomethingToShow)
{
	const std::string nothing =
		"nothing to plot: there are no VM-Exits from the first sample to "
		"the last";
	Session session = one_second();
	session.samples[1].reasons = session.samples[0].reasons;
	EXPECT_EQ(complaint([&] { svg(session); }), nothing);
	session = one_second();
	session.samples[1].time = session.samples[0].time;
	EXPECT_EQ(complaint([&] { svg(session); }), nothing);
	session.samples.resize(1);
	EXPECT_EQ(complaint([&] { svg(session); }), nothing);
	session.samples.clear();
	EXPECT_EQ(complaint([&] { svg(session); }), nothing);
}

} // namespace
