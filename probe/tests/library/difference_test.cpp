// SPDX-License-Identifier: GPL-2.0
/// \file
/// What happens between two readings, and how much of it is the reading itself.
#include "model/fake_kvm.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

using namespace exitstat;

namespace
{

constexpr auto max = std::numeric_limits<std::uint64_t>::max();

/// A KVM that counts the CPUIDs that read it, at this many cycles each.
FakeKvm counting(FakeKvm kvm = booted_vmx(), std::uint64_t cycles = 1'200)
{
	return kvm.count_own = cycles, kvm;
}

std::uint64_t sum_of_exits(const Delta &s)
{
	std::uint64_t sum = 0;
	for (const ReasonCount &reason : s.reasons)
		sum += reason.exits;
	return sum;
}

TEST(Advance, GoesOverWhereCountersWrap)
{
	EXPECT_EQ(advance(5, 3), 2U);
	EXPECT_EQ(advance(0x1'0000'0005, 0xFFFF'FFF0), 0x15U);
	EXPECT_EQ(advance(5, max - 4), 10U);
	EXPECT_EQ(advance(max, max), 0U);
	// That far back is a reset.
	EXPECT_EQ(advance(5, 1'000), 5U);
}

TEST(Difference, HasOnlyWhatHappened)
{
	FakeKvm kvm = booted_vmx();
	const Snapshot before = read_vm(kvm);
	kvm.vcpus[0][30] = {12'345 + 0x1'0000'0000, 123'456'789 + 7};
	kvm.vcpus[1][1] = {3, 30};
	const Delta delta = difference(read_vm(kvm), before);
	const std::vector<ReasonCount> expected{{{3, 30}, 1}, {{0x1'0000'0000, 7}, 30}};
	EXPECT_EQ(delta.reasons, expected);
	EXPECT_EQ(delta.total, (Count{0x1'0000'0003, 37}));
}

TEST(Difference, OfTwoGenerationsIsNone)
{
	FakeKvm kvm = booted_vmx();
	const Snapshot before = read_vm(kvm);
	EXPECT_EQ(difference(read_vm(kvm), before).generation, kvm.generation);
	kvm.generation++;
	EXPECT_THROW(difference(read_vm(kvm), before), OtherGeneration);
	kvm.has_age = false;
	EXPECT_THROW(difference(read_vm(kvm), before), OtherGeneration);
}

TEST(Difference, WasCountedIfBothWere)
{
	FakeKvm kvm = booted_vmx();
	const Snapshot on = read_vm(kvm);
	kvm.counting = false;
	kvm.ticks++;
	const Snapshot off = read_vm(kvm);
	EXPECT_TRUE(difference(on, on).counting);
	EXPECT_FALSE(difference(off, on).counting);
	EXPECT_FALSE(difference(on, off).counting);
	EXPECT_FALSE(difference(off, off).counting);
	EXPECT_EQ(difference(off, on).ticks, kvm.ticks);
}

TEST(Difference, OfAResetCountsFromZeroWhereNoGenerationTells)
{
	FakeKvm kvm = booted_vmx();
	kvm.has_age = false;
	const Snapshot before = read_vm(kvm);
	kvm.vcpus = {{{10, {4, 40}}}};
	const std::vector<ReasonCount> expected{{{4, 40}, 10}};
	EXPECT_EQ(difference(read_vm(kvm), before).reasons, expected);
}

TEST(Difference, OfDetails)
{
	FakeKvm kvm = detailed_vmx();
	const Snapshot before = read_vm(kvm, Details::all);
	kvm.vcpus[0][30].exits += 2;
	kvm.vcpus[0][30].cycles += 9'000;
	kvm.away[30].exits++;
	kvm.away[30].cycles += 50'000;
	kvm.hist[30][13] += 2;
	const Delta delta = difference(read_vm(kvm, Details::all), before);
	ASSERT_EQ(delta.reasons.size(), 1U);
	const ReasonCount &io = delta.reasons[0];
	EXPECT_EQ(io.user_exits, 1U);
	EXPECT_EQ(io.away_cycles, 50'000U);
	EXPECT_EQ(io.histogram[13], 2U);
	EXPECT_EQ(percentile(io.histogram, 1), percentile(io.histogram, 100));
}

TEST(Difference, HasNoDetailsThatOneReadingLacks)
{
	FakeKvm kvm = counting(detailed_vmx());
	const Snapshot without = read_vm(kvm);
	kvm.vcpus[0][30].exits++;
	kvm.vcpus[0][1] = {1, 10};
	const Snapshot with = read_vm(kvm, Details::all);
	kvm.vcpus[0][30].exits++;
	for (const Delta &delta : {difference(with, without), difference(read_vm(kvm), with)}) {
		ASSERT_NE(delta.find(30), nullptr);
		EXPECT_EQ(delta.find(30)->away_cycles, 0U);
		EXPECT_EQ(delta.find(30)->user_exits, 0U);
		EXPECT_TRUE(delta.find(30)->histogram.empty());
	}
}

TEST(Difference, TotalIsTheSumWhileOthersRun)
{
	FakeKvm kvm = counting();
	kvm.before = [&] {
		for (auto &[code, count] : kvm.vcpus[1])
			count.exits += 1000;
	};
	Reader reader(kvm.cpuid());
	Snapshot last = reader.read();
	for (int i = 0; i < 20; i++) {
		Snapshot now = reader.read();
		const Delta delta = difference(now, last);
		EXPECT_EQ(delta.total.exits, sum_of_exits(delta));
		last = now;
	}
}

TEST(Own, AreLeftOutToTheLast)
{
	for (const Details details : {Details::none, Details::all})
		for (FakeKvm kvm : {counting(detailed_vmx()), counting(booted_svm(), 900)}) {
			Reader reader(kvm.cpuid());
			const std::uint64_t each = reader.own_cycles_per_exit();
			EXPECT_EQ(each, kvm.count_own);
			const Snapshot before = reader.read(details);
			// The guest's own CPUIDs remain.
			kvm.vcpus[0][cpuid_reason(Isa(kvm.isa))].exits += 5;
			kvm.vcpus[0][cpuid_reason(Isa(kvm.isa))].cycles += 5 * each;
			const Delta delta = without_own(difference(reader.read(details), before),
							reader.info().isa, each);
			ASSERT_EQ(delta.reasons.size(), 1U);
			EXPECT_EQ(delta.reasons[0].code, cpuid_reason(Isa(kvm.isa)));
			EXPECT_EQ(delta.reasons[0].exits, 5U);
			EXPECT_EQ(delta.reasons[0].cycles, 5 * each);
			EXPECT_EQ(delta.total, (Count{5, 5 * each}));
		}
}

TEST(Own, LeaveNothingWhereNothingHappened)
{
	FakeKvm kvm = counting(detailed_vmx());
	Reader reader(kvm.cpuid());
	const std::uint64_t each = reader.own_cycles_per_exit();
	const Snapshot before = reader.read(Details::all);
	const Delta raw = difference(reader.read(Details::all), before);
	EXPECT_EQ(raw.reasons.size(), 1U);
	EXPECT_EQ(raw.total.exits, raw.own_exits);
	const Delta delta = without_own(raw, reader.info().isa, each);
	EXPECT_TRUE(delta.reasons.empty());
	EXPECT_EQ(delta.total, Count{});
	EXPECT_EQ(delta.own_exits, raw.own_exits);
}

TEST(Own, OfTheHistogramAreTheNearest)
{
	Delta delta;
	delta.own_exits = 10;
	ReasonCount cpuid{{16, 16'000}, 10};
	//                1K   2K  4K
	cpuid.histogram = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 8, 3, 4, 0, 0};
	delta.reasons = {cpuid};
	delta.total = cpuid;
	const Delta rest = without_own(delta, Isa::vmx, 1'200);
	const Histogram expected{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0};
	ASSERT_EQ(rest.reasons.size(), 1U);
	EXPECT_EQ(rest.reasons[0].histogram, expected);
	EXPECT_EQ(rest.reasons[0].exits, 6U);
	EXPECT_EQ(rest.reasons[0].cycles, 4'000U);
}

TEST(Own, AreNeverMoreThanThereWere)
{
	Delta delta;
	delta.own_exits = 100;
	delta.reasons = {{{10, 1'000}, 10}, {{5, 50}, 48}};
	delta.total = {15, 1'050};
	const Delta rest = without_own(delta, Isa::vmx, max);
	EXPECT_EQ(rest.total, (Count{5, 50}));
	EXPECT_EQ(rest.own_exits, 10U);
	ASSERT_EQ(rest.reasons.size(), 1U);
	EXPECT_EQ(rest.reasons[0].code, 48);
}

TEST(Own, AreNoneWhereNothingIsCounted)
{
	FakeKvm kvm = counting();
	kvm.counting = false;
	Reader reader(kvm.cpuid());
	EXPECT_EQ(reader.own_cycles_per_exit(), 0U);
	const Snapshot before = reader.read();
	EXPECT_EQ(without_own(difference(reader.read(), before), Isa::vmx, 0).own_exits, 0U);
}

TEST(Own, CostTheMeanWhereTheirPriceIsNotKnown)
{
	Delta delta;
	delta.own_exits = 30;
	delta.reasons = {{{40, 4'000}, 10}};
	delta.total = {40, 4'000};
	const Delta rest = without_own(delta, Isa::vmx, 0);
	EXPECT_EQ(rest.total, (Count{10, 1'000}));
	EXPECT_EQ(rest.own_exits, 30U);
}

TEST(Own, AKvmThatDoesNotCountThemIsRefused)
{
	FakeKvm kvm = booted_vmx();
	Reader reader(kvm.cpuid());
	EXPECT_THROW(reader.own_cycles_per_exit(), BadAnswer);
}

// As while the host switches the counting off and on.
TEST(Own, AreMeasuredAgainIfTheyWereNotCountedOnce)
{
	FakeKvm kvm = booted_vmx();
	kvm.before = [&] {
		// After detect() and two readings.
		kvm.count_own = kvm.asked.size() > 3 + 2 * 12 ? 1'200 : 0;
	};
	Reader reader(kvm.cpuid());
	EXPECT_EQ(reader.own_cycles_per_exit(), 1'200U);
}

TEST(Snapshot, FindsAReason)
{
	FakeKvm kvm = booted_vmx();
	const Snapshot s = read_vm(kvm);
	ASSERT_NE(s.find(30), nullptr);
	EXPECT_EQ(s.find(30)->exits, 12'345U);
	EXPECT_EQ(s.find(31), nullptr);
	EXPECT_EQ(s.find(65'535), nullptr);
	EXPECT_EQ(s.vcpus, 2U);
	EXPECT_EQ(s.time, std::chrono::seconds(1000));
}

} // namespace
