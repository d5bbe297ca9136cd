// SPDX-License-Identifier: GPL-2.0
/// \file
/// The live view without a terminal: what it makes of readings and keys, and its frames, to the
/// letter.
#include "model/fake_kvm.hpp"
#include "top/frame.hpp"
#include "top/top.hpp"

#include <gtest/gtest.h>

#include <limits>

#include <fcntl.h>
#include <unistd.h>

using namespace exitstat;
using namespace std::chrono_literals;

namespace
{

constexpr std::uint64_t own_cost = 1'000;

struct Seen {
	std::uint16_t code;
	Count count;
	Histogram histogram{};
};

Snapshot snapshot(std::chrono::nanoseconds time, std::vector<Seen> seen,
		  std::uint64_t own_exits = 0)
{
	Snapshot s{};
	s.time = time;
	s.vcpus = 2;
	s.own_exits = own_exits;
	for (auto &[code, count, histogram] : seen) {
		s.reasons.push_back({count, code, 0, 0, std::move(histogram)});
		s.total.exits += count.exits;
		s.total.cycles += count.cycles;
	}
	return s;
}

std::vector<TopReading> vm(Snapshot s)
{
	return {{std::nullopt, std::move(s)}};
}

std::vector<std::string> names(const TopModel &model)
{
	std::vector<std::string> all;
	for (const TopRow &row : model.rows())
		all.push_back((row.cpu ? std::to_string(*row.cpu) + " " : "") + row.name);
	return all;
}

using Names = std::vector<std::string>;

std::vector<std::string> text(const TopFrame &frame)
{
	std::vector<std::string> lines;
	for (const TopLine &line : frame.lines) {
		std::string s;
		for (const TopPiece &piece : line)
			s += piece.text;
		lines.push_back(s.substr(0, s.find_last_not_of(' ') + 1));
	}
	return lines;
}

std::string page(const TopFrame &frame)
{
	std::string s = "\n";
	for (const std::string &line : text(frame))
		s += line + "\n";
	return s;
}

std::size_t columns(const std::string &s)
{
	return std::size_t(std::ranges::count_if(s, [](char c) { return (c & 0xC0) != 0x80; }));
}

constexpr Info vmx{.abi_version = 1,
		   .views = 0b111111,
		   .isa = Isa::vmx,
		   .vcpus = 2,
		   .tsc_khz = 2'000'000,
		   .buckets = 32};

Info svm()
{
	Info info = vmx;
	info.isa = Isa::svm;
	return info;
}

Histogram histogram(std::initializer_list<std::pair<std::size_t, std::uint64_t>> buckets)
{
	Histogram h(32);
	for (const auto &[i, n] : buckets)
		h[i] = n;
	return h;
}

/// Two seconds in which a VM was busy, one a reading.
TopModel busy_model()
{
	TopModel model(Isa::vmx, own_cost);
	for (std::uint64_t t = 0; t < 3; t++)
		model.add(vm(snapshot(
			3h + 4min + std::chrono::seconds(10 + t),
			{{1, {t * 100, t * 200'000}, histogram({{11, t * 100}})},
			 {10, {7 + t * 110, 9'000 + t * 112'000}, histogram({{10, 7 + t * 110}})},
			 {12, {t * t * 50, t * t * 1'000'000}, histogram({{15, t * t * 50}})},
			 {48,
			  {t * 1'234, t * 4'936'000},
			  histogram({{12, t * 1'200}, {17, t * 34}})}},
			7 + t * 100)));
	return model;
}

// ---- The model ---------------------------------------------------------------------------------

TEST(TopModel, RatesOfTheLastInterval)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(10s, {{48, {1'000, 50'000}}})));
	EXPECT_FALSE(model.has_rates());
	EXPECT_TRUE(model.rows().empty());

	model.add(vm(snapshot(12s, {{48, {1'100, 250'000}}})));
	ASSERT_TRUE(model.has_rates());
	ASSERT_EQ(model.rows().size(), 1U);
	EXPECT_EQ(model.rows()[0].name, "EPT_VIOLATION");
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 50);
	EXPECT_DOUBLE_EQ(model.rows()[0].cycles, 100'000);
	EXPECT_DOUBLE_EQ(model.rows()[0].cost(), 2'000);
	EXPECT_DOUBLE_EQ(model.total().exits, 50);

	model.add(vm(snapshot(12'500ms, {{48, {1'600, 250'000}}})));
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 1'000);
	EXPECT_EQ(model.rows()[0].history, (std::deque<double>{50, 1'000}));
	EXPECT_EQ(model.uptime(), 12'500ms);
	EXPECT_EQ(model.vcpus(), 2U);
}

TEST(TopModel, LeavesOutWhatItCausesItself)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(1s, {{10, {500, 600'000}}, {30, {9, 9}}}, 30)));
	model.add(vm(snapshot(2s, {{10, {640, 750'000}}, {30, {10, 18}}}, 130)));
	EXPECT_EQ(model.own_exits(), 100U);
	EXPECT_EQ(names(model), (Names{"CPUID", "IO_INSTRUCTION"}));
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 40);
	EXPECT_DOUBLE_EQ(model.rows()[0].cycles, 50'000);

	// Nobody else: not there at all, but for its past.
	model.add(vm(snapshot(3s, {{10, {740, 850'000}}, {30, {11, 27}}}, 230)));
	EXPECT_EQ(names(model), (Names{"IO_INSTRUCTION", "CPUID"}));
	EXPECT_DOUBLE_EQ(model.rows()[1].exits, 0);
	EXPECT_EQ(model.rows()[1].idle, 1U);
}

TEST(TopModel, AReasonThatAppearsLaterAndGoes)
{
	TopModel model(Isa::vmx, own_cost);
	auto t = 0s;
	const auto read = [&](std::vector<Seen> seen) {
		model.add(vm(snapshot(t += 1s, std::move(seen))));
	};
	read({{30, {1, 10}}});
	read({{30, {2, 20}}});
	EXPECT_EQ(names(model), (Names{"IO_INSTRUCTION"}));
	read({{12, {5, 500}}, {30, {3, 30}}});
	EXPECT_EQ(names(model), (Names{"HLT", "IO_INSTRUCTION"}));
	EXPECT_EQ(model.rows()[0].history, (std::deque<double>{5}));
	EXPECT_EQ(model.rows()[1].history, (std::deque<double>{1, 1}));

	// Silent for a while: last, with its past; then gone.
	std::uint64_t n = 3;
	for (std::size_t i = 0; i < TopModel::idle_limit; i++, n++)
		read({{12, {5, 500}}, {30, {n + 1, 10 * (n + 1)}}});
	EXPECT_EQ(names(model), (Names{"IO_INSTRUCTION", "HLT"}));
	EXPECT_EQ(model.rows()[1].history.front(), 5);
	read({{12, {5, 500}}, {30, {n + 1, 10 * (n + 1)}}});
	EXPECT_EQ(names(model), (Names{"IO_INSTRUCTION"}));
	EXPECT_EQ(model.total().history.size(), 3 + TopModel::idle_limit);
}

TEST(TopModel, HistoryIsBounded)
{
	TopModel model(Isa::vmx, own_cost);
	for (std::uint64_t t = 0; t < 2 * TopModel::history_limit; t++)
		model.add(vm(snapshot(std::chrono::seconds(t), {{30, {t * t, t}}})));
	EXPECT_EQ(model.rows()[0].history.size(), TopModel::history_limit);
	EXPECT_EQ(model.total().history.size(), TopModel::history_limit);
	EXPECT_EQ(model.rows()[0].history.back(), 2 * (2 * TopModel::history_limit - 1) - 1);
}

TEST(TopModel, CountersThatWereReset)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(1s, {{30, {1'000'000, 90'000'000}}, {48, {50, 5'000}}})));
	model.add(vm(snapshot(2s, {{30, {20, 400}}})));
	EXPECT_EQ(names(model), (Names{"IO_INSTRUCTION"}));
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 20);
	EXPECT_DOUBLE_EQ(model.rows()[0].cycles, 400);
}

TEST(TopModel, NoTimeBetweenReadings)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(1s, {{30, {10, 100}}})));
	model.add(vm(snapshot(1s, {{30, {20, 200}}})));
	EXPECT_FALSE(model.has_rates());
	// Nothing was lost: the base is still the first.
	model.add(vm(snapshot(2s, {{30, {30, 300}}})));
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 20);
	// A clock that goes back begins anew.
	model.add(vm(snapshot(1s, {{30, {40, 400}}})));
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 20);
	model.add(vm(snapshot(2s, {{30, {45, 450}}})));
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 5);
}

TEST(TopModel, RebaseSkipsTheTimeUntilThen)
{
	TopModel model = busy_model();
	const std::size_t samples = model.total().history.size();
	model.rebase();
	model.add(vm(snapshot(5h, {{48, {1'000'000, 1'000'000}}})));
	EXPECT_EQ(model.total().history.size(), samples);
	model.add(vm(snapshot(5h + 1s, {{48, {1'000'005, 1'000'000}}})));
	EXPECT_EQ(model.total().history.size(), samples + 1);
	EXPECT_DOUBLE_EQ(model.total().exits, 5);

	model.clear();
	EXPECT_FALSE(model.has_rates());
	EXPECT_TRUE(model.rows().empty());
}

TEST(TopModel, Orders)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(0s, {})));
	model.add(
		vm(snapshot(1s, {{1, {10, 50}}, {12, {5, 900}}, {30, {20, 300}}, {48, {20, 80}}})));
	model.sort(Sort::exits); // equals by code
	EXPECT_EQ(names(model),
		  (Names{"IO_INSTRUCTION", "EPT_VIOLATION", "EXTERNAL_INTERRUPT", "HLT"}));
	model.sort(Sort::cycles);
	EXPECT_EQ(names(model),
		  (Names{"HLT", "IO_INSTRUCTION", "EPT_VIOLATION", "EXTERNAL_INTERRUPT"}));
	model.sort(Sort::cost);
	EXPECT_EQ(names(model),
		  (Names{"HLT", "IO_INSTRUCTION", "EXTERNAL_INTERRUPT", "EPT_VIOLATION"}));
	model.sort(Sort::name);
	EXPECT_EQ(names(model),
		  (Names{"EPT_VIOLATION", "EXTERNAL_INTERRUPT", "HLT", "IO_INSTRUCTION"}));
	model.sort(Sort::code);
	EXPECT_EQ(names(model),
		  (Names{"EXTERNAL_INTERRUPT", "HLT", "IO_INSTRUCTION", "EPT_VIOLATION"}));
}

TEST(TopModel, VcpusThatComeAndGo)
{
	TopModel model(Isa::svm, own_cost);
	model.add({{0, snapshot(1s, {{0x400, {10, 10}}})}, {3, snapshot(1s, {{0x78, {10, 10}}})}});
	model.add({{0, snapshot(2s, {{0x400, {20, 20}}})}, {3, snapshot(2s, {{0x78, {15, 10}}})}});
	model.sort(Sort::code);
	EXPECT_EQ(names(model), (Names{"0 npf", "3 hlt"}));
	EXPECT_DOUBLE_EQ(model.total().exits, 15);
	EXPECT_EQ(model.widest().cpu, 3);

	// CPU 3 is offline: its rows stay for a while, and are 0.
	model.add({{0, snapshot(3s, {{0x400, {30, 30}}})}});
	EXPECT_DOUBLE_EQ(model.rows()[1].exits, 0);
	model.add({});
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 10);
	// It is back: its interval is as long as it was away.
	model.add({{0, snapshot(4s, {{0x400, {40, 40}}})}, {3, snapshot(4s, {{0x78, {19, 10}}})}});
	EXPECT_DOUBLE_EQ(model.rows()[1].exits, 2);
}

TEST(TopModel, LargestNumbers)
{
	constexpr auto max = std::numeric_limits<std::uint64_t>::max() / 4;
	TopModel model(Isa::vmx, max);
	model.add(vm(snapshot(0s, {})));
	model.add(vm(snapshot(1ns, {{30, {max, 1}}, {48, {1, max}}})));
	for (const std::string &line : text(top_frame(model, {}, vmx, false, {200, 50})))
		EXPECT_LE(columns(line), 200U) << line;
}

// ---- Keys --------------------------------------------------------------------------------------

TEST(TopState, OrderByKeyAndByColumn)
{
	TopState state;
	for (const auto &[key, sort] : {std::pair('c', Sort::cycles),
					{'x', Sort::cost},
					{'n', Sort::name},
					{'#', Sort::code},
					{'e', Sort::exits}}) {
		EXPECT_EQ(state.press(key), TopAction::none);
		EXPECT_EQ(state.sort, sort) << key;
	}
	for (const Sort sort : {Sort::cycles, Sort::cost, Sort::cost}) {
		state.press('>');
		EXPECT_EQ(state.sort, sort);
	}
	for (const Sort sort : {Sort::cycles, Sort::exits, Sort::name, Sort::name}) {
		state.press(TopKey::left);
		EXPECT_EQ(state.sort, sort);
	}
	for (const int key : {int('<'), int('>'), int(TopKey::right)}) {
		state.sort = Sort::code;
		state.press(key);
		EXPECT_EQ(state.sort, Sort::name);
	}
}

TEST(TopState, WhatAsksForAReading)
{
	TopState state;
	EXPECT_EQ(state.press('v'), TopAction::restart);
	EXPECT_TRUE(state.per_vcpu);
	EXPECT_EQ(state.press('r'), TopAction::restart);
	EXPECT_EQ(state.press('p'), TopAction::none);
	EXPECT_TRUE(state.paused);
	EXPECT_EQ(state.press(' '), TopAction::resume);
	EXPECT_FALSE(state.paused);
	// There are no figures for another view in a pause.
	state.press('p');
	EXPECT_EQ(state.press('v'), TopAction::restart);
	EXPECT_FALSE(state.paused);
	EXPECT_EQ(state.press(TopKey::redraw), TopAction::repaint);
	EXPECT_EQ(state.press('z'), TopAction::none);
	EXPECT_EQ(state.press('q'), TopAction::quit);
}

TEST(TopState, Interval)
{
	TopState state;
	state.press('+');
	EXPECT_EQ(state.seconds, 2);
	state.press('-');
	state.press('-');
	EXPECT_EQ(state.seconds, 0.5);
	for (int i = 0; i < 30; i++)
		state.press('-');
	EXPECT_EQ(state.seconds, 0.1);
	for (int i = 0; i < 30; i++)
		state.press('+');
	EXPECT_EQ(state.seconds, 3600);
	state.seconds = 3; // as the command line may say
	state.press('-');
	EXPECT_EQ(state.seconds, 2);

	EXPECT_EQ(TopState::limited(0), 0.1);
	EXPECT_EQ(TopState::limited(-1), 0.1);
	EXPECT_EQ(TopState::limited(std::numeric_limits<double>::quiet_NaN()), 0.1);
	EXPECT_EQ(TopState::limited(2.5), 2.5);
	EXPECT_EQ(TopState::limited(std::numeric_limits<double>::infinity()), 3600);
}

TEST(TopState, IntervalThatIsTyped)
{
	TopState state;
	const auto type = [&](std::string_view keys) {
		for (const char key : keys)
			EXPECT_EQ(state.press(key), TopAction::none);
		EXPECT_TRUE(state.prompt);
	};
	type("dq2x.57"); // letters are no part of a number, nor keys now
	EXPECT_EQ(state.prompt, "2.57");
	state.press(TopKey::backspace);
	state.press(TopKey::enter);
	EXPECT_EQ(state.seconds, 2.5);
	EXPECT_FALSE(state.prompt);

	type("d7");
	state.press(TopKey::escape);
	EXPECT_EQ(state.seconds, 2.5);

	type("d");
	state.press(TopKey::enter);
	EXPECT_EQ(state.seconds, 2.5);
	EXPECT_EQ(state.message, "");

	for (const char *wrong : {"0", "1.2.3", "99999999", "."}) {
		type("d" + std::string(wrong));
		state.press(TopKey::enter);
		EXPECT_EQ(state.seconds, 2.5) << wrong;
		EXPECT_EQ(state.message,
			  "An interval is from 0.1 to 3600 seconds, not " + std::string(wrong));
	}
	state.press('e');
	EXPECT_EQ(state.message, "");
}

TEST(TopState, ScrollsAndGoesBackToTheTop)
{
	TopState state;
	state.page = 10;
	state.press(TopKey::down);
	state.press(TopKey::page_down);
	EXPECT_EQ(state.scroll, 11U);
	state.press(TopKey::up);
	EXPECT_EQ(state.scroll, 10U);
	state.press('p');
	state.press('+');
	EXPECT_EQ(state.scroll, 10U);
	state.press('c');
	EXPECT_EQ(state.scroll, 0U);
	state.press(TopKey::up);
	state.press(TopKey::page_up);
	EXPECT_EQ(state.scroll, 0U);
	state.press(TopKey::end);
	state.press(TopKey::down);
	const TopFrame frame = top_frame(busy_model(), state, vmx, false, {80, 6});
	EXPECT_EQ(frame.scroll, 1U); // 4 rows, 3 lines for them
	EXPECT_EQ(frame.page, 3U);
}

TEST(TopState, Help)
{
	TopState state;
	EXPECT_EQ(state.press('?'), TopAction::none);
	EXPECT_TRUE(state.help);
	state.press(TopKey::down);
	EXPECT_TRUE(state.help);
	EXPECT_EQ(state.press('q'), TopAction::none);
	EXPECT_FALSE(state.help);
	EXPECT_EQ(state.scroll, 0U);
}

// ---- Frames ------------------------------------------------------------------------------------

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
exitstat: whole VM, 2 vCPUs, VMX, TSC 2000.000 MHz         every 1 s, up 3:04:12
1,494 VM-Exits/s, 0.41% of one CPU, exitstat's own 100 left out
REASON              EXITS/S     %  %CYC    %CPU  CYC/EXIT    P50   P99     TREND
TOTAL                 1,494 100.0 100.0    0.41     5,454    <4K <128K        ▄▄
EPT_VIOLATION         1,234  82.6  60.6    0.25     4,000    <4K <128K        ▄▄
HLT                     150  10.0  36.8    0.15    20,000   <32K  <32K        ▂▆
EXTERNAL_INTERRUPT      100   6.7   2.5    0.01     2,000    <2K   <2K        ▄▄
CPUID                    10   0.7   0.1    0.00     1,200    <1K   <1K        ▄▄















h help  q quit  v vCPUs  p pause  e c x n order  + - interval           by exits
)");
}

TEST(TopFrame, At200x50)
{
	const auto lines = text(top_frame(busy_model(), {}, vmx, false, {200, 50, false}));
	ASSERT_EQ(lines.size(), 50U);
	EXPECT_TRUE(lines[2].starts_with(
		"REASON              EXITS/S     %   CYCLES/S     %    %CPU  CYC/EXIT    P50   "
		"P99  "))
		<< lines[2];
	EXPECT_TRUE(lines[2].ends_with("   TREND"));
	EXPECT_TRUE(lines[5].ends_with("  :*")) << lines[5];
	EXPECT_TRUE(lines[5].starts_with(
		"HLT                     150  10.0  3,000,000  36.8    0.15    20,000   <32K  "
		"<32K  "))
		<< lines[5];
}

TEST(TopFrame, At40x10)
{
	EXPECT_EQ(page(top_frame(busy_model(), {}, vmx, false, {40, 10, true})), R"(
exitstat: whole VM
1,494 VM-Exits/s, 0.41% of one CPU
REASON              EXITS/S  CYC/EXIT
TOTAL                 1,494     5,454
EPT_VIOLATION         1,234     4,000
HLT                     150    20,000
EXTERNAL_INTERRUPT      100     2,000
CPUID                    10     1,200

h help  q quit  v vCPUs         by exits
)");
}

TEST(TopFrame, At20x5)
{
	EXPECT_EQ(page(top_frame(busy_model(), {}, vmx, false, {20, 5, true})), R"(
exitstat: whole VM
1,494 VM-Exits/s
REASON       EXITS/S
EPT_VIOLATI    1,234
HLT              150
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

TEST(TopModel, BeginsAnewWithTheCounters)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(10s, {{48, {1'000, 50'000}}})));
	model.add(vm(snapshot(11s, {{48, {1'100, 60'000}}})));
	Snapshot moved = snapshot(12s, {{48, {7, 70}}});
	moved.generation = 1;
	model.add(vm(moved));
	ASSERT_EQ(model.rows().size(), 1U);
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 100) << "as before, as there is nothing new";
	moved.time += 2s;
	moved.reasons[0].exits += 10;
	model.add(vm(moved));
	EXPECT_DOUBLE_EQ(model.rows()[0].exits, 5);
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
	TopState scrolled;
	scrolled.scroll = 1'000;
	scrolled.per_vcpu = true;

	for (const TopModel &model : {busy_model(), vcpus, TopModel(Isa::vmx, 0)})
		for (const TopState &state : {TopState{}, paused, help, prompt, message, scrolled})
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
exitstat: whole VM, 2 vCPUs, SVM                          every 1 s, up 1d 16:00
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
	EXPECT_EQ(lines[1], "1,494 VM-Exits/s, 8,148,000 cycles/s, exitstat's own 100 left out");
	EXPECT_EQ(lines[2], "Note: this VM runs in an emulator: cycles are ticks of its clock, not "
			    "time.");
	EXPECT_EQ(lines[3].find("%CPU"), std::string::npos);
	EXPECT_NE(lines[3].find("CYCLES/S     %"), std::string::npos);
	// Too small for the note, not for the truth.
	EXPECT_EQ(text(top_frame(busy_model(), {}, vmx, true, {40, 9}))[1],
		  "1,494 VM-Exits/s, 8,148,000 cycles/s");
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
exitstat: each vCPU, 2 vCPUs, VMX, TSC 2000.000 MHz        every 1 s, up 0:00:10
100 VM-Exits/s, 0.01% of one CPU, exitstat's own 0 left out
CPU  REASON         EXITS/S     %  CYCLES/S     %    %CPU  CYC/EXIT        TREND
     TOTAL              100 100.0   200,000 100.0    0.01     2,000            =
 11  EPT_VIOLATION       70  70.0   140,000  70.0    0.01     2,000            =
  0  EPT_VIOLATION       30  30.0    60,000  30.0    0.00     2,000            =
)");
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
	ASSERT_EQ(lines.size(), 7U);
	// All four fit: nothing to scroll.
	EXPECT_TRUE(lines[3].starts_with("EPT_VIOLATION"));

	TopModel many(Isa::vmx, own_cost);
	std::vector<Seen> seen;
	for (std::uint16_t code = 0; code < 30; code++)
		seen.push_back({code, {std::uint64_t(100 - code), 1}});
	many.add(vm(snapshot(0s, {})));
	many.add(vm(snapshot(1s, seen)));
	const TopFrame frame = top_frame(many, state, vmx, false, {80, 24});
	EXPECT_TRUE(text(frame)[4].starts_with("TRIPLE_FAULT")) << text(frame)[4];
	EXPECT_TRUE(text(frame)[23].ends_with("by exits, 3-21 of 30")) << text(frame)[23];
	EXPECT_EQ(frame.page, 19U);
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

// ---- No terminal -------------------------------------------------------------------------------

TEST(Top, NeedsATerminal)
{
	FakeKvm kvm = booted_vmx();
	Reader reader(kvm.cpuid());
	const int before = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY);
	dup2(null, STDIN_FILENO);
	try {
		top(reader, {});
		ADD_FAILURE() << "it took /dev/null for a terminal";
	} catch (const std::runtime_error &e) {
		EXPECT_STREQ(e.what(),
			     "exitstat top needs a terminal; for output to a file or pipe "
			     "use exitstat 1");
	}
	dup2(before, STDIN_FILENO);
	close(before);
	close(null);
}

} // namespace
