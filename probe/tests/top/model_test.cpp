// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the live view makes of readings.
#include "top/readings.hpp"

#include <gtest/gtest.h>

#include <limits>

using namespace exitstat;

namespace
{

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
	EXPECT_EQ(model.age(), 12'500'000'000U * 2) << "in ticks";
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
	EXPECT_EQ(model.rows()[1].silent, 1U);
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
	read({{7, {5, 500}}, {30, {3, 30}}});
	EXPECT_EQ(names(model), (Names{"INTERRUPT_WINDOW", "IO_INSTRUCTION"}));
	EXPECT_EQ(model.rows()[0].history, (std::deque<double>{5}));
	EXPECT_EQ(model.rows()[1].history, (std::deque<double>{1, 1}));

	// Silent for a while: last, with its past; then gone.
	std::uint64_t n = 3;
	for (std::size_t i = 0; i < TopModel::silent_limit; i++, n++)
		read({{7, {5, 500}}, {30, {n + 1, 10 * (n + 1)}}});
	EXPECT_EQ(names(model), (Names{"IO_INSTRUCTION", "INTERRUPT_WINDOW"}));
	EXPECT_EQ(model.rows()[1].history.front(), 5);
	read({{7, {5, 500}}, {30, {n + 1, 10 * (n + 1)}}});
	EXPECT_EQ(names(model), (Names{"IO_INSTRUCTION"}));
	EXPECT_EQ(model.total().history.size(), 3 + TopModel::silent_limit);
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
		vm(snapshot(1s, {{1, {10, 50}}, {7, {5, 900}}, {30, {20, 300}}, {48, {20, 80}}})));
	model.sort(Sort::exits); // equals by code
	EXPECT_EQ(names(model), (Names{"IO_INSTRUCTION", "EPT_VIOLATION", "EXTERNAL_INTERRUPT",
				       "INTERRUPT_WINDOW"}));
	model.sort(Sort::cycles);
	EXPECT_EQ(names(model), (Names{"INTERRUPT_WINDOW", "IO_INSTRUCTION", "EPT_VIOLATION",
				       "EXTERNAL_INTERRUPT"}));
	model.sort(Sort::cost);
	EXPECT_EQ(names(model), (Names{"INTERRUPT_WINDOW", "IO_INSTRUCTION", "EXTERNAL_INTERRUPT",
				       "EPT_VIOLATION"}));
	model.sort(Sort::name);
	EXPECT_EQ(names(model), (Names{"EPT_VIOLATION", "EXTERNAL_INTERRUPT", "INTERRUPT_WINDOW",
				       "IO_INSTRUCTION"}));
	model.sort(Sort::code);
	EXPECT_EQ(names(model), (Names{"EXTERNAL_INTERRUPT", "INTERRUPT_WINDOW", "IO_INSTRUCTION",
				       "EPT_VIOLATION"}));
}

TEST(TopModel, VcpusThatComeAndGo)
{
	TopModel model(Isa::svm, own_cost);
	model.add({{0, snapshot(1s, {{0x400, {10, 10}}})}, {3, snapshot(1s, {{0x78, {10, 10}}})}});
	model.add({{0, snapshot(2s, {{0x400, {20, 20}}})}, {3, snapshot(2s, {{0x78, {15, 10}}})}});
	model.sort(Sort::code);
	EXPECT_EQ(names(model), (Names{"0 npf", "3 hlt"}));
	EXPECT_DOUBLE_EQ(model.total().exits, 10);
	EXPECT_DOUBLE_EQ(model.idle().exits, 5);
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

TEST(TopModel, IdleVcpusAreNoPartOfTheTotal)
{
	TopModel model(Isa::vmx, own_cost);
	model.add(vm(snapshot(0s, {})));
	model.add(vm(snapshot(2s, {{12, {100, 9'000}}, {30, {20, 300}}, {36, {10, 1'000}}})));
	EXPECT_EQ(names(model), (Names{"IO_INSTRUCTION"}));
	EXPECT_DOUBLE_EQ(model.total().exits, 10);
	EXPECT_DOUBLE_EQ(model.total().cycles, 150);
	EXPECT_EQ(model.idle().name, "IDLE");
	EXPECT_DOUBLE_EQ(model.idle().exits, 55);
	EXPECT_DOUBLE_EQ(model.idle().cycles, 5'000);

	// Of each vCPU it is to be seen how idle it is, after all else whatever the order.
	model.clear();
	for (std::uint64_t t = 0; t < 2; t++)
		model.add({{0, snapshot(std::chrono::seconds(t),
					{{12, {t * 100, t}}, {30, {t * 20, t}}})},
			   {1, snapshot(std::chrono::seconds(t),
					{{12, {t * 300, t}}, {48, {t * 50, t}}})}});
	EXPECT_EQ(names(model), (Names{"1 EPT_VIOLATION", "0 IO_INSTRUCTION", "1 HLT", "0 HLT"}));
	model.sort(Sort::code);
	EXPECT_EQ(names(model), (Names{"0 IO_INSTRUCTION", "1 EPT_VIOLATION", "0 HLT", "1 HLT"}));
	EXPECT_DOUBLE_EQ(model.total().exits, 70);
	EXPECT_DOUBLE_EQ(model.idle().exits, 400);
}

TEST(TopModel, TimeAwayAndExitsToUserspaceAreRates)
{
	TopModel model(Isa::vmx, own_cost);
	Snapshot s = snapshot(1s, {{30, {10, 1'000}}, {48, {10, 1'000}}});
	s.reasons[0].away_cycles = 5'000;
	s.reasons[0].user_exits = 4;
	s.reasons[1].away_cycles = 1'000;
	model.add(vm(s));
	s.time = 3s;
	for (ReasonCount &reason : s.reasons) {
		reason.exits += 100;
		reason.cycles += 100'000;
		reason.away_cycles += 200'000;
		reason.user_exits += reason.user_exits ? 60 : 0;
	}
	model.add(vm(s));
	EXPECT_DOUBLE_EQ(model.rows()[0].user_exits, 30);
	EXPECT_DOUBLE_EQ(model.rows()[0].away_cycles, 100'000);
	EXPECT_DOUBLE_EQ(model.total().user_exits, 30);
	EXPECT_DOUBLE_EQ(model.total().away_cycles, 200'000);
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

} // namespace
