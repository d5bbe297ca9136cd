// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the library promises, against the leaf itself: for the inner VM, where this is a program of
/// its own. Elsewhere it skips.
#include <exit_stats/reader.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <thread>
#include <vector>

using namespace exit_stats;

namespace
{

class OnThisMachine : public testing::Test
{
protected:
	void SetUp() override
	{
		const Probe found = probe(native_cpuid);
		if (!found.info)
			GTEST_SKIP() << found.why_not;
		if (!Reader().read().counting)
			GTEST_SKIP() << "VM-Exits are not being counted here";
	}

	static std::uint64_t cpuids(const Info &info, const Delta &delta)
	{
		const ReasonCount *reason = delta.find(cpuid_reason(info.isa));
		return reason ? reason->exits : 0;
	}
};

TEST_F(OnThisMachine, CountersGoForwardAndTheTotalHasAllOfThem)
{
	Reader reader;
	Snapshot before = reader.read(Details::all);
	for (int i = 0; i < 20; i++) {
		const Snapshot now = reader.read(Details::all);
		Count sum{};
		for (const ReasonCount &reason : now.reasons) {
			sum.exits += reason.exits;
			sum.cycles += reason.cycles;
			const ReasonCount *then = before.find(reason.code);
			if (!then)
				continue;
			EXPECT_GE(reason.exits, then->exits) << reason.code;
			EXPECT_GE(reason.cycles, then->cycles) << reason.code;
			EXPECT_GE(reason.away_cycles, then->away_cycles) << reason.code;
		}
		EXPECT_GE(now.total.exits, sum.exits);
		EXPECT_GE(now.total.cycles, sum.cycles);
		EXPECT_GT(now.ticks, before.ticks);
		EXPECT_EQ(now.generation, before.generation);
		before = now;
	}
	EXPECT_EQ(reader.info().generation, before.generation);
	EXPECT_NE(before.generation, 0U);
}

TEST_F(OnThisMachine, DetailsAreOfTheExitsThatWereCounted)
{
	Reader reader;
	const Snapshot now = reader.read(Details::all);
	EXPECT_GE(now.reasons.size(), 3U);
	for (const ReasonCount &reason : now.reasons) {
		EXPECT_GE(reason.away_cycles, reason.cycles) << reason.code;
		// The exits of this moment are in no bucket yet.
		const std::uint64_t timed = std::accumulate(
			reason.histogram.begin(), reason.histogram.end(), std::uint64_t(0));
		EXPECT_GE(timed + now.vcpus, reason.exits) << reason.code;
	}
}

// But what else runs here has VM-Exits as well: at times it must be quiet.
TEST_F(OnThisMachine, TheReadersOwnExitsAreAllOfAQuietInterval)
{
	Reader reader;
	bool all = false, none = false;
	for (int i = 0; i < 100 && !(all && none); i++) {
		const Snapshot before = reader.read();
		const Delta delta = difference(reader.read(), before);
		EXPECT_GE(cpuids(reader.info(), delta), delta.own_exits);
		all |= cpuids(reader.info(), delta) == delta.own_exits;
		none |= !cpuids(reader.info(), without_own(delta, reader.info().isa, 0));
	}
	EXPECT_TRUE(all);
	EXPECT_TRUE(none);
}

TEST_F(OnThisMachine, EachVcpuHasAPartOfTheWhole)
{
	Reader reader;
	Count sum{};
	for (const int cpu : CpuSet::allowed().list()) {
		const Snapshot one = reader.read_cpu(cpu);
		EXPECT_GT(one.total.exits, 0U) << cpu;
		sum.exits += one.total.exits;
		sum.cycles += one.total.cycles;
	}
	const Snapshot vm = reader.read();
	EXPECT_GE(vm.total.exits, sum.exits);
	EXPECT_GE(vm.total.cycles, sum.cycles);
}

TEST_F(OnThisMachine, ReadersInSeveralThreadsCountEachTheirOwn)
{
	constexpr int rounds = 20, many = 4;
	Reader reader;
	const Snapshot before = reader.read();
	std::vector<std::uint64_t> theirs(many);
	std::vector<std::thread> threads;
	for (std::uint64_t &n : theirs)
		threads.emplace_back([&n] {
			Reader own;
			for (int i = 0; i < rounds; i++)
				own.read();
			n = own.cpuids();
		});
	for (std::thread &thread : threads)
		thread.join();
	const Delta delta = difference(reader.read(), before);
	EXPECT_GE(cpuids(reader.info(), delta),
		  std::accumulate(theirs.begin(), theirs.end(), delta.own_exits));
}

TEST_F(OnThisMachine, WithoutTheMagicNumberItIsTheTotal)
{
	for (const std::uint32_t ecx : {0U, 1U, 0x7FFD'1234U, 0xE560'0000U, ~0U}) {
		const auto total = [](std::uint32_t in) {
			return pair_a(native_cpuid(leaf, in));
		};
		const auto low = total(selector(View::total, Scope::vm));
		const auto any = total(ecx);
		EXPECT_LT(low, any);
		EXPECT_LT(any, total(selector(View::total, Scope::vm)));
	}
}

} // namespace
