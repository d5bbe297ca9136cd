// SPDX-License-Identifier: GPL-2.0
/// \file
/// Reading the counters: right, cheap, and safe from what a hypervisor may answer.
#include "model/fake_kvm.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>
#include <vector>

using namespace exitstat;

namespace
{

std::uint64_t sum_of_exits(const Snapshot &s)
{
	std::uint64_t sum = 0;
	for (const ReasonCount &reason : s.reasons)
		sum += reason.exits;
	return sum;
}

std::string why_bad(FakeKvm &kvm)
{
	try {
		read_vm(kvm);
	} catch (const BadAnswer &e) {
		return e.what();
	}
	return "it is good";
}

TEST(Read, WholeVmIsTheSumOverVcpus)
{
	FakeKvm kvm = booted_vmx();
	const Snapshot s = read_vm(kvm);
	const std::vector<ReasonCount> expected{{{400, 480'000}, 10},
						{{50, 1'000'000'000}, 12},
						{{12'345, 123'456'789}, 30},
						{{2'000, 9'000'001}, 48}};
	EXPECT_EQ(s.reasons, expected);
	EXPECT_EQ(s.total, (Count{14'795, 1'132'936'790}));
}

TEST(Read, OneVcpu)
{
	FakeKvm kvm = booted_vmx();
	kvm.current = [] {
		return 1;
	};
	const Snapshot s = Reader(kvm.cpuid()).read_cpu(sched_getcpu());
	const std::vector<ReasonCount> expected{{{100, 120'000}, 10}, {{50, 1'000'000'000}, 12}};
	EXPECT_EQ(s.reasons, expected);
	EXPECT_EQ(s.total, (Count{150, 1'000'120'000}));
}

TEST(Read, SvmCodesUpToOther)
{
	FakeKvm kvm = booted_svm();
	const Snapshot s = read_vm(kvm);
	ASSERT_EQ(s.reasons.size(), 5U);
	EXPECT_EQ(s.reasons[3].code, 0x400);
	EXPECT_EQ(s.reasons[4].code, other_reason);
	EXPECT_EQ(s.reasons[4].exits, 2U);
}

TEST(Read, CountersOver32Bits)
{
	FakeKvm kvm;
	const Count big{0x1'2345'6789'ABCD, 0xFEDC'BA98'7654'3210};
	kvm.vcpus = {{{1, big}}};
	const Snapshot s = read_vm(kvm);
	EXPECT_EQ(s.reasons.at(0), (ReasonCount{big, 1}));
	EXPECT_EQ(s.total, big);
}

TEST(Read, NothingHappenedYet)
{
	FakeKvm kvm;
	kvm.vcpus = {};
	const Snapshot s = read_vm(kvm);
	EXPECT_TRUE(s.reasons.empty());
	EXPECT_EQ(s.total, Count{});
}

TEST(Read, CostsTwoCpuidsAReasonAndFour)
{
	FakeKvm kvm = booted_vmx();
	Reader reader(kvm.cpuid());
	kvm.asked.clear();
	reader.read();
	ASSERT_EQ(kvm.asked.size(), 4 + 2 * 4U);
	EXPECT_EQ(kvm.asked[2 + 2 * 4U], selector(View::total, Scope::vm))
		<< "the total comes last of the counters";
	EXPECT_EQ(kvm.asked.back(), selector(View::info, 2)) << "whose they were";
}

// Every CPUID is an exit itself, and on each another vCPU makes exits for all reasons, old and new.
TEST(Read, TotalIsNeverBelowTheSumWhileCountersMove)
{
	FakeKvm kvm = booted_vmx();
	std::uint16_t fresh = 0;
	kvm.before = [&] {
		kvm.vcpus[0][10].exits++;
		for (auto &[code, count] : kvm.vcpus[1]) {
			count.exits += 1000;
			count.cycles += 1'000'000;
		}
		kvm.vcpus[1][fresh++ % 60].exits++;
	};
	for (int i = 0; i < 20; i++) {
		const Snapshot s = read_vm(kvm);
		EXPECT_GE(s.total.exits, sum_of_exits(s));
	}
}

TEST(Read, WhoseTheCountersAre)
{
	FakeKvm kvm = booted_vmx();
	Snapshot s = read_vm(kvm);
	EXPECT_EQ(s.ticks, kvm.ticks);
	EXPECT_EQ(s.generation, kvm.generation);
	EXPECT_TRUE(s.counting);
	EXPECT_EQ(since_start(detect(kvm.cpuid()), s).time, std::chrono::seconds(1000));

	kvm.counting = false;
	EXPECT_FALSE(read_vm(kvm).counting);
	kvm.has_age = false;
	s = read_vm(kvm);
	EXPECT_EQ(s.ticks, 0U);
	EXPECT_EQ(s.generation, 0U);
	EXPECT_EQ(since_start(detect(kvm.cpuid()), s).time.count(), 0);
	kvm.has_age = true;
	kvm.tsc_khz = 0;
	EXPECT_EQ(since_start(detect(kvm.cpuid()), read_vm(kvm)).time.count(), 0);
	kvm.tsc_khz = 1;
	kvm.ticks = std::numeric_limits<std::uint64_t>::max();
	EXPECT_GT(since_start(detect(kvm.cpuid()), read_vm(kvm)).time,
		  std::chrono::hours(2'000'000));
}

/// The VM is migrated at its n-th CPUID from now, to where nothing has been counted but these.
void migrate_at(FakeKvm &kvm, int n, FakeKvm::Counts counts)
{
	kvm.before = [&kvm, n, counts]() mutable {
		if (n-- != 1)
			return;
		kvm.generation++;
		kvm.ticks = 77;
		kvm.tsc_khz = 3'000'000;
		kvm.vcpus = {counts, {}};
		kvm.away[10] = {0, 1'000};
		kvm.hist = {{10, {{8, 5}}}};
	};
}

TEST(Read, IsOfOneGenerationWhereverTheVmMoves)
{
	for (int n = 1; n <= 81; n++) {
		FakeKvm kvm = detailed_vmx();
		Reader reader(kvm.cpuid());
		const auto old = kvm.generation;
		migrate_at(kvm, n, {{10, {5, 1'000}}});
		const Snapshot s = reader.read(Details::all);
		if (s.generation == old) {
			EXPECT_EQ(n, 81) << "after the last CPUID";
			EXPECT_EQ(s.total.exits, 14'795U);
			continue;
		}
		EXPECT_EQ(s.generation, old + 1);
		EXPECT_EQ(s.ticks, 77U);
		const std::vector<ReasonCount> expected{
			{{5, 1'000}, 10, 0, 1'000, s.reasons.at(0).histogram}};
		EXPECT_EQ(s.reasons, expected);
		EXPECT_EQ(s.total, (Count{5, 1'000}));
		EXPECT_EQ(reader.info().tsc_khz, 3'000'000U);
		EXPECT_EQ(reader.info().generation, old + 1);
	}
}

TEST(Read, OfAVmThatCameToAnotherHypervisor)
{
	for (const Regs answer : {Regs{}, Regs{7, 0x340, 0x340, 0x100}}) {
		FakeKvm kvm = booted_vmx();
		kvm.out_of_range = answer;
		Reader reader(kvm.cpuid());
		kvm.patched = false;
		EXPECT_THROW(reader.read(), Unavailable);
	}
}

TEST(Read, EndsWhenEachGenerationIsAnother)
{
	FakeKvm kvm = booted_vmx();
	kvm.before = [&] {
		kvm.generation++;
	};
	EXPECT_NE(why_bad(kvm).find("each reading is of another generation"), std::string::npos);
}

TEST(Read, EndsWhenNextGoesBack)
{
	FakeKvm kvm = booted_vmx();
	kvm.tamper = [](std::uint32_t ecx, Regs &r) {
		if (view_of(ecx) == View::next)
			r = {10, 0, 0, 0};
	};
	EXPECT_EQ(why_bad(kvm),
		  "CPUID leaf 0x4fffffff contradicts itself: reason 10 follows reason 11");
}

TEST(Read, EndsWhenNextIsNoReason)
{
	FakeKvm kvm = booted_vmx();
	kvm.tamper = [](std::uint32_t ecx, Regs &r) {
		if (view_of(ecx) == View::next)
			r = {0x800, 0, 0, 0};
	};
	EXPECT_NE(why_bad(kvm).find("reason 2048 follows"), std::string::npos);
}

TEST(Read, EndsWhenEveryReasonIsSeen)
{
	FakeKvm kvm;
	kvm.tamper = [](std::uint32_t ecx, Regs &r) {
		if (view_of(ecx) == View::next)
			r = {ecx & 0x7FF, 0, 0, 0};
		else if (view_of(ecx) == View::reason)
			r = {1, 0, 1, 0};
		else if (view_of(ecx) == View::total)
			r = {0x800, 0, 0x800, 0};
	};
	const Snapshot s = read_vm(kvm);
	EXPECT_EQ(s.reasons.size(), 0x800U);
	EXPECT_EQ(s.reasons.back().code, other_reason);
}

TEST(Read, RefusesAnErrorInPlaceOfACount)
{
	for (View view : {View::reason, View::total}) {
		FakeKvm kvm = booted_vmx();
		kvm.tamper = [&](std::uint32_t ecx, Regs &r) {
			if (view_of(ecx) == view)
				r = error_answer;
		};
		EXPECT_NE(why_bad(kvm).find("no count"), std::string::npos);
	}
}

TEST(Read, RefusesATotalBelowTheSum)
{
	for (auto member : {&Regs::eax, &Regs::ecx}) {
		FakeKvm kvm = booted_vmx();
		kvm.tamper = [&](std::uint32_t ecx, Regs &r) {
			if (view_of(ecx) == View::total)
				(r.*member)--;
		};
		EXPECT_NE(why_bad(kvm).find("below the sum"), std::string::npos);
	}
}

TEST(Read, RefusesASumOver64Bits)
{
	constexpr auto max = std::numeric_limits<std::uint64_t>::max();
	FakeKvm kvm;
	kvm.vcpus = {{{1, {max, 0}}, {2, {1, 0}}}};
	EXPECT_NE(why_bad(kvm).find("64 bits"), std::string::npos);
	kvm.vcpus = {{{1, {1, max}}, {2, {1, 1}}}};
	EXPECT_NE(why_bad(kvm).find("64 bits"), std::string::npos);
}

TEST(Read, AContradictionIsReadAgainOnce)
{
	for (const int times : {1, 2}) {
		FakeKvm kvm = booted_vmx();
		int left = times;
		kvm.tamper = [&](std::uint32_t ecx, Regs &r) {
			if (view_of(ecx) == View::total && left && left--)
				r.eax--;
		};
		EXPECT_EQ(why_bad(kvm), times == 1
						? "it is good"
						: "CPUID leaf 0x4fffffff contradicts itself: the "
						  "total is below the sum of its reasons");
	}
}

TEST(Read, FrequencyAndVcpusAreOfTheReading)
{
	FakeKvm kvm = booted_vmx();
	Reader reader(kvm.cpuid());
	kvm.tsc_khz = 3'000'000;
	kvm.vcpus.emplace_back();
	EXPECT_EQ(reader.read().vcpus, 3U);
	EXPECT_EQ(reader.info().vcpus, 3U);
	EXPECT_EQ(reader.info().tsc_khz, 3'000'000U);
}

// Then its answers are of two vCPUs, and contradict each other.
TEST(Read, ACpuThatGoesMeanwhileIsGone)
{
	const auto cpus = CpuSet::allowed().list();
	if (cpus.size() < 2)
		GTEST_SKIP() << "needs two CPUs";
	for (const int less : {0, 1}) {
		FakeKvm kvm = booted_vmx();
		kvm.tamper = [&](std::uint32_t ecx, Regs &r) {
			if (view_of(ecx) == View::total) {
				CpuSet::only(cpus[0]).apply();
				r.eax -= std::uint32_t(less);
			}
		};
		try {
			Reader(kvm.cpuid()).read_cpu(cpus[1]);
			ADD_FAILURE() << "it is gone";
		} catch (const CpuGone &e) {
			EXPECT_EQ(e.cpu, cpus[1]);
		}
	}
}

// The promise of reader.hpp, for the sanitizers to watch.
TEST(Threads, EachHasAReaderOfItsOwn)
{
	std::vector<std::thread> threads;
	std::atomic<int> good = 0;
	for (int i = 0; i < 4; i++)
		threads.emplace_back([&] {
			FakeKvm kvm = detailed_vmx();
			kvm.count_own = 1'200;
			Reader reader(kvm.cpuid());
			for (int n = 0; n < 20; n++) {
				const Snapshot before = reader.read(Details::all);
				const Delta delta = difference(reader.read(Details::all), before);
				good += without_own(delta, reader.info().isa, 1'200).total.exits ==
					0;
			}
		});
	for (std::thread &thread : threads)
		thread.join();
	EXPECT_EQ(good, 4 * 20);
}

TEST(Pin, StaysOnItsCpuAndGoesBack)
{
	const auto before = CpuSet::allowed().list();
	for (int cpu : before) {
		const Pin pin(cpu);
		EXPECT_EQ(sched_getcpu(), cpu);
		EXPECT_EQ(CpuSet::allowed().list(), std::vector{cpu});
		EXPECT_NO_THROW(pin.check());
	}
	EXPECT_EQ(CpuSet::allowed().list(), before);
}

TEST(Pin, RefusesACpuThatIsNotThere)
{
	const auto before = CpuSet::allowed().list();
	for (int cpu : {-1, CpuSet::limit - 1, CpuSet::limit, std::numeric_limits<int>::max()})
		EXPECT_THROW(Pin{cpu}, CpuGone) << cpu;
	EXPECT_EQ(CpuSet::allowed().list(), before);
}

TEST(Pin, NoticesWhenItIsMoved)
{
	const auto cpus = CpuSet::allowed().list();
	if (cpus.size() < 2)
		GTEST_SKIP() << "needs two CPUs";
	const Pin pin(cpus[0]);
	ASSERT_TRUE(CpuSet::only(cpus[1]).apply());
	EXPECT_THROW(pin.check(), CpuGone);
}

TEST(Percentile, IsTheBucketThatHoldsTheShare)
{
	const Histogram h{0, 0, 50, 40, 9, 1};
	EXPECT_EQ(percentile(h, 50), 2U);
	EXPECT_EQ(percentile(h, 51), 3U);
	EXPECT_EQ(percentile(h, 90), 3U);
	EXPECT_EQ(percentile(h, 99), 4U);
	EXPECT_EQ(percentile(h, 100), 5U);
	EXPECT_EQ(percentile({0, 0}, 50), std::nullopt);
	EXPECT_EQ(percentile({}, 50), std::nullopt);
	// Sums beyond 64 bits.
	constexpr auto max = std::numeric_limits<std::uint64_t>::max();
	EXPECT_EQ(percentile({max, max, max}, 50), 1U);
}

TEST(Percentile, BucketsTouchAndDoNotOverlap)
{
	EXPECT_EQ(bucket_min(0), 0U);
	EXPECT_EQ(bucket_max(0), 0U);
	for (std::size_t i = 1; i < 63; i++)
		EXPECT_EQ(bucket_min(i), bucket_max(i - 1) + 1) << i;
}

TEST(Details, AreReadAfterTheTotal)
{
	FakeKvm kvm = detailed_vmx();
	const Snapshot s = read_vm(kvm, Details::all);
	// INFO thrice to find it and once to read, the counts, the details, and INFO again.
	ASSERT_EQ(kvm.asked.size(), 3 + 3 + 2 * 4 + 4 * 17 + 1U);
	EXPECT_EQ(kvm.asked[3 + 3 + 2 * 4 - 1], selector(View::total, Scope::vm));
	EXPECT_EQ(s.reasons[2].user_exits, 2'345U);
	EXPECT_EQ(s.reasons[2].away_cycles, 223'456'789U);
	EXPECT_EQ(s.reasons[2].histogram[17], 145U);
}

TEST(Details, ThatContradictAreRefused)
{
	FakeKvm kvm = detailed_vmx();
	const auto why = [&] {
		try {
			read_vm(kvm, Details::all);
		} catch (const BadAnswer &e) {
			return std::string(e.what());
		}
		return std::string("it is good");
	};
	const auto expect = [&](const char *what) {
		EXPECT_NE(why().find(what), std::string::npos) << why();
	};

	kvm.away[30].cycles = 123'456'788;
	expect("time away is below the time of handling");
	kvm = detailed_vmx();
	kvm.away[30].cycles = kvm.away[48].cycles = std::numeric_limits<std::uint64_t>::max();
	expect("does not fit 64 bits");
	kvm = detailed_vmx();
	kvm.tamper = [](std::uint32_t ecx, Regs &r) {
		if (view_of(ecx) == View::hist)
			r = error_answer;
	};
	expect("no details of a reason it has");
}

} // namespace
