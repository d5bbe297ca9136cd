// SPDX-License-Identifier: GPL-2.0
/// \file
/// The frames of the live view, to the letter.
#include "top/readings.hpp"

#include <gtest/gtest.h>

#include <limits>

using namespace exitstat;

namespace
{

TEST(Sparkline, ScalesToItsLargest)
{
	EXPECT_EQ(sparkline({0, 1, 2, 3, 4, 5, 6, 7}, 8, true), " ▁▂▃▄▅▆▇");
	EXPECT_EQ(sparkline({0, 1, 2, 3, 4, 5, 6, 7}, 8, false), " .:-=+*#");
	EXPECT_EQ(sparkline({0, 0.0001, 1e18}, 3, false), " .#");
	// The largest is out of sight.
	EXPECT_EQ(sparkline({1'000, 1, 2}, 2, false), "-+");
}

TEST(Sparkline, WhatDoesNotChangeIsHalfHigh)
{
	EXPECT_EQ(sparkline({5, 5, 5}, 3, true), "▄▄▄");
	EXPECT_EQ(sparkline({4, 5, 6}, 3, true), "▃▄▅");
	EXPECT_EQ(sparkline({1, 1, 9, 1}, 4, true), "▁▁▇▁");
}

TEST(Sparkline, NewestAtTheRight)
{
	EXPECT_EQ(sparkline({1, 1}, 5, false), "   ==");
	EXPECT_EQ(sparkline({}, 3, false), "   ");
	EXPECT_EQ(sparkline({0, 0}, 3, true), "   ");
	EXPECT_EQ(sparkline({1, 2}, 0, true), "");
}

TEST(TopFrame, At80x24)
{
	EXPECT_EQ(page(top_frame(busy_model(), {}, vmx, false, {80, 24, true})), R"(
exitstat: whole VM, 2 vCPUs, VMX                 every 1 s, counters 3:04:12 old
1,344 VM-Exits/s, 0.26% of one CPU, exitstat's own 100 left out
REASON              EXITS/S     %    %CPU  TIME/EXIT      P99    AWAY      TREND
TOTAL                 1,344 100.0    0.26     1.9 us   <66 us  7.8 ms         ▄▄
IDLE                    150     -    0.15      10 us   <16 us  4.5 ms         ▂▆
EPT_VIOLATION         1,234  91.8    0.25     2.0 us   <66 us  7.4 ms         ▄▄
EXTERNAL_INTERRUPT      100   7.4    0.01     1.0 us  <1.0 us  300 us         ▄▄
CPUID                    10   0.7    0.00     600 ns  <512 ns  118 us         ▄▄















h help  q quit  v vCPUs  p pause  e c x n order  t cycles               by exits
)");
}

TEST(TopFrame, CyclesAt80x10)
{
	TopModel model = busy_model();
	TopState state;
	state.cycles = true;
	state.sort = Sort::cycles;
	model.sort(state.sort);
	EXPECT_EQ(page(top_frame(model, state, vmx, false, {80, 10, true})), R"(
exitstat: whole VM, 2 vCPUs, VMX                 every 1 s, counters 3:04:12 old
1,344 VM-Exits/s, 5,148,000 cycles/s, exitstat's own 100 left out
REASON              EXITS/S     %   CYCLES/S  CYC/EXIT    P50    P99       TREND
TOTAL                 1,344 100.0  5,148,000     3,830    <4K  <128K          ▄▄
IDLE                    150     -  3,000,000    20,000   <32K   <32K          ▂▆
EPT_VIOLATION         1,234  91.8  4,936,000     4,000    <4K  <128K          ▄▄
EXTERNAL_INTERRUPT      100   7.4    200,000     2,000    <2K    <2K          ▄▄
CPUID                    10   0.7     12,000     1,200    <1K    <1K          ▄▄

h help  q quit  v vCPUs  p pause  e c x n order  t time                by cycles
)");
}

TEST(TopFrame, At200x50)
{
	const auto lines = text(top_frame(busy_model(), {}, vmx, false, {200, 50, false}));
	ASSERT_EQ(lines.size(), 50U);
	EXPECT_TRUE(lines[2].starts_with(
		"REASON              EXITS/S     %    %CPU     %  TIME/EXIT      P50      P90      "
		"P99      MAX  TO USER    AWAY  "))
		<< lines[2];
	EXPECT_TRUE(lines[2].ends_with("   TREND"));
	EXPECT_TRUE(lines[4].ends_with("  :*")) << lines[4];
	EXPECT_TRUE(lines[5].starts_with(
		"EPT_VIOLATION         1,234  91.8    0.25  95.9     2.0 us  <2.0 us  <2.0 us   "
		"<66 us   <66 us        0  7.4 ms  "))
		<< lines[5];
}

TEST(TopFrame, At40x10)
{
	EXPECT_EQ(page(top_frame(busy_model(), {}, vmx, false, {40, 10, true})), R"(
exitstat: whole VM
1,344 VM-Exits/s, 0.26% of one CPU
REASON              EXITS/S  TIME/EXIT
TOTAL                 1,344     1.9 us
IDLE                    150      10 us
EPT_VIOLATION         1,234     2.0 us
EXTERNAL_INTERRUPT      100     1.0 us
CPUID                    10     600 ns

h help  q quit  v vCPUs         by exits
)");
}

TEST(TopFrame, At20x5)
{
	EXPECT_EQ(page(top_frame(busy_model(), {}, vmx, false, {20, 5, true})), R"(
exitstat: whole VM
1,344 VM-Exits/s
REASON       EXITS/S
EPT_VIOLATI    1,234
EXTERNAL_IN      100
)");
}

TEST(TopFrame, At1x1)
{
	EXPECT_EQ(page(top_frame(busy_model(), {}, vmx, false, {1, 1, true})), "\n1\n");
	EXPECT_EQ(page(top_frame(busy_model(), {}, vmx, false, {0, 0, true})), "\n");
}

TEST(TopFrame, OrderBringsItsColumn)
{
	TopModel model = busy_model();
	TopState state;
	state.sort = Sort::cycles;
	model.sort(state.sort);
	const auto lines = text(top_frame(model, state, vmx, false, {40, 10}));
	EXPECT_EQ(lines[2], "REASON              EXITS/S    %CPU");
}

TEST(TopFrame, SaysWhatTheHostDid)
{
	TopModel model = busy_model();
	TopState state;
	state.news = "Note: something.";
	EXPECT_EQ(text(top_frame(model, state, vmx, false, {80, 12, true})).back(), state.news);
	state.press('x');
	EXPECT_EQ(state.news, "");

	Snapshot off = snapshot(4h, {});
	off.counting = false;
	model.add(vm(off));
	EXPECT_EQ(text(top_frame(model, state, vmx, false, {80, 12, true}))[1],
		  "The host has switched the counting off: no VM-Exits means nothing.");
}

TEST(TopFrame, FitsAnySize)
{
	TopModel vcpus(Isa::svm, own_cost);
	for (std::uint64_t t = 0; t < 3; t++) {
		std::vector<TopReading> readings;
		for (int cpu = 0; cpu < 12; cpu++)
			readings.push_back(
				{cpu, snapshot(std::chrono::seconds(t),
					       {{0x400, {t * 1'000'000, t * 4'000'000'000}},
						{other_reason, {t, t}}})});
		vcpus.add(std::move(readings));
	}
	TopState paused;
	paused.paused = true;
	TopState help;
	help.help = true;
	TopState prompt;
	prompt.prompt = "12.5";
	TopState message;
	message.per_vcpu = true;
	message.news = "Note: the counters began anew, as the VM was restored or migrated.";
	message.message = "CPU 3 does not exist, is offline or is not allowed to this process";
	TopState cycles;
	cycles.cycles = true;
	cycles.sort = Sort::cycles;
	TopState scrolled;
	scrolled.scroll = 1'000;
	scrolled.per_vcpu = true;

	for (const TopModel &model : {busy_model(), vcpus, TopModel(Isa::vmx, 0)})
		for (const TopState &state :
		     {TopState{}, paused, help, prompt, message, cycles, scrolled})
			for (std::size_t width = 1; width < 130; width += width < 90 ? 1 : 7)
				for (const std::size_t height :
				     {1, 2, 3, 4, 5, 7, 8, 10, 12, 24, 60})
					for (const bool emulated : {false, true}) {
						const TopFrame frame =
							top_frame(model, state, svm(), emulated,
								  {width, height, true});
						ASSERT_LE(frame.lines.size(), height);
						ASSERT_GE(frame.page, 1U);
						for (const std::string &line : text(frame))
							ASSERT_LE(columns(line), width)
								<< height << " lines: " << line;
					}
}

TEST(TopFrame, Svm)
{
	TopModel model(Isa::svm, own_cost);
	model.add(vm(snapshot(40h, {})));
	model.add(vm(snapshot(40h + 2s,
			      {{0x49, {1, 10}}, {0x7B, {40, 400'000}}, {other_reason, {3, 6}}})));
	Info info = svm();
	info.tsc_khz = 0;
	info.views = 0b100111;
	EXPECT_EQ(page(top_frame(model, {}, info, false, {80, 14, false})), R"(
exitstat: whole VM, 2 vCPUs, SVM                                       every 1 s
22 VM-Exits/s, 200,008 cycles/s, exitstat's own 0 left out
Note: the frequency of the TSC is not known: cycles cannot be told as time.
REASON       EXITS/S     %  CYCLES/S     %  CYC/EXIT                       TREND
TOTAL             22 100.0   200,008 100.0     9,091                           =
io                20  90.9   200,000 100.0    10,000                           =
other            1.5   6.8         3   0.0         2                           =
reason 0x49      0.5   2.3         5   0.0        10                           =





h help  q quit  v vCPUs  p pause  e c x n order  + - interval           by exits
)");
}

TEST(TopFrame, CyclesOfAnEmulatorAreNotTime)
{
	const auto lines = text(top_frame(busy_model(), {}, vmx, true, {120, 24}));
	EXPECT_EQ(lines[1], "1,344 VM-Exits/s, 5,148,000 cycles/s, exitstat's own 100 left out");
	EXPECT_EQ(lines[2], "Note: this VM runs in an emulator: cycles are ticks of its clock, not "
			    "time.");
	EXPECT_EQ(lines[3].find("%CPU"), std::string::npos);
	EXPECT_NE(lines[3].find("CYCLES/S     %"), std::string::npos);
	// Too small for the note, not for the truth.
	EXPECT_EQ(text(top_frame(busy_model(), {}, vmx, true, {40, 9}))[1],
		  "1,344 VM-Exits/s, 5,148,000 cycles/s");
}

TEST(TopFrame, EachVcpu)
{
	TopModel model(Isa::vmx, own_cost);
	for (std::uint64_t t = 0; t < 2; t++)
		model.add(
			{{0, snapshot(9s + std::chrono::seconds(t), {{48, {t * 30, t * 60'000}}})},
			 {11,
			  snapshot(9s + std::chrono::seconds(t), {{48, {t * 70, t * 140'000}}})}});
	TopState state;
	state.per_vcpu = true;
	EXPECT_EQ(page(top_frame(model, state, vmx, false, {80, 8, false})), R"(
exitstat: each vCPU, 2 vCPUs, VMX                every 1 s, counters 0:00:10 old
100 VM-Exits/s, 0.01% of one CPU, exitstat's own 0 left out
CPU  REASON         EXITS/S     %    %CPU     %  TIME/EXIT                 TREND
     TOTAL              100 100.0    0.01 100.0     1.0 us                     =
 11  EPT_VIOLATION       70  70.0    0.01  70.0     1.0 us                     =
  0  EPT_VIOLATION       30  30.0    0.00  30.0     1.0 us                     =
)");
}

TEST(TopFrame, IdleVcpusAreNoTrouble)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(1s, {})));
	model.add(vm(snapshot(2s, {{12, {100, 200'000}}})));
	const auto lines = text(top_frame(model, {}, vmx, false, {80, 24}));
	EXPECT_TRUE(lines[1].starts_with("0 VM-Exits/s, 0.00% of one CPU")) << lines[1];
	EXPECT_TRUE(lines[3].starts_with("TOTAL         0     -    0.00")) << lines[3];
	EXPECT_TRUE(lines[4].starts_with("IDLE        100     -    0.01     1.0 us")) << lines[4];
	EXPECT_EQ(lines[5], "No VM-Exits but those of idle vCPUs.");
}

TEST(TopFrame, SomeOfTheVcpus)
{
	TopState state;
	state.per_vcpu = true;
	TopModel model(Isa::vmx, own_cost);
	for (std::uint64_t t = 0; t < 2; t++)
		model.add({{1, snapshot(std::chrono::seconds(t), {{48, {t, t}}})}});
	EXPECT_TRUE(text(top_frame(model, state, vmx, false, {80, 8}))[0].starts_with(
		"exitstat: 1 of 2 vCPUs, VMX  "));
}

TEST(TopFrame, BeforeTheFirstInterval)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(1s, {{48, {1, 2}}})));
	const auto lines = text(top_frame(model, {}, vmx, false, {80, 24}));
	EXPECT_TRUE(lines[2].starts_with("REASON         EXITS/S ")) << lines[2];
	EXPECT_EQ(lines[3], "The first figures come after an interval.");
}

TEST(TopFrame, NothingHappens)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(1s, {})));
	model.add(vm(snapshot(2s, {})));
	const auto lines = text(top_frame(model, {}, vmx, false, {80, 24}));
	EXPECT_TRUE(lines[1].starts_with("0 VM-Exits/s, 0.00% of one CPU")) << lines[1];
	EXPECT_EQ(lines[4], "No VM-Exits.");
}

TEST(TopFrame, Scrolled)
{
	TopState state;
	state.scroll = 2;
	const auto lines = text(top_frame(busy_model(), state, vmx, false, {80, 7}));
	ASSERT_EQ(lines.size(), 6U);
	// All three fit: nothing to scroll.
	EXPECT_TRUE(lines[3].starts_with("EPT_VIOLATION"));

	TopModel many(Isa::vmx, own_cost);
	std::vector<Seen> seen;
	for (std::uint16_t code = 0; code < 30; code++)
		seen.push_back({code, {std::uint64_t(100 - code), 1}});
	many.add(vm(snapshot(0s, {})));
	many.add(vm(snapshot(1s, seen)));
	const TopFrame frame = top_frame(many, state, vmx, false, {80, 24});
	EXPECT_TRUE(text(frame)[5].starts_with("TRIPLE_FAULT")) << text(frame)[5];
	EXPECT_TRUE(text(frame)[23].ends_with("by exits, 3-20 of 29")) << text(frame)[23];
	EXPECT_EQ(frame.page, 18U);
}

TEST(TopFrame, PausePromptAndMessage)
{
	TopState state;
	state.paused = true;
	EXPECT_TRUE(text(top_frame(busy_model(), state, vmx, false, {80, 24}))[0].ends_with(
		"  PAUSED"));
	state.prompt = "0.5";
	EXPECT_EQ(text(top_frame(busy_model(), state, vmx, false, {80, 24})).back(),
		  "Seconds between readings [1]: 0.5_");
	EXPECT_EQ(text(top_frame(busy_model(), state, vmx, false, {80, 4})).back(),
		  "Seconds between readings [1]: 0.5_");
	state.prompt.reset();
	state.message = "CPU 3 went away during the reading";
	EXPECT_EQ(text(top_frame(busy_model(), state, vmx, false, {80, 24})).back(), state.message);
}

TEST(TopFrame, HelpFits80x24)
{
	TopState state;
	state.help = true;
	const TopFrame narrow = top_frame(busy_model(), state, vmx, false, {80, 24});
	const TopFrame wide = top_frame(busy_model(), state, vmx, false, {200, 24});
	EXPECT_EQ(text(narrow), text(wide));
	EXPECT_EQ(text(narrow).back(), "Any other key goes back.");
	state.scroll = 1'000;
	const auto end = text(top_frame(busy_model(), state, vmx, false, {80, 10}));
	EXPECT_TRUE(end[8].starts_with("VM-Exits that exitstat itself causes")) << end[8];
}

} // namespace
