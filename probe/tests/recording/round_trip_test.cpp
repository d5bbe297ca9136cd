// SPDX-License-Identifier: GPL-2.0
/// \file
/// What is written is what is read, and the format is what its description says.
#include "recording/recordings.hpp"

#include <limits>

namespace
{

TEST_F(Recording, IsWhatItsFormatSays)
{
	Session session = vmx({"make", ""});
	session.emulated = true;
	Snapshot a{.time = 300ns,
		   .vcpus = 2,
		   .total = {107, 5001},
		   .reasons = {{{7, 1000}, 10}, {{93, 4000}, 30}},
		   .own_exits = 5,
		   .ticks = 9000,
		   .generation = 7};
	Snapshot b = a;
	b.time += 1s;
	b.ticks += 3000;
	b.counting = false;
	b.reasons[1] = {{94, 4500}, 30, 3, 9500, Histogram(32)};
	b.reasons[0].away_cycles = 1000;
	b.reasons[0].histogram = Histogram(32);
	b.reasons[1].histogram[12] = 93;
	b.reasons[1].histogram[31] = 1;
	b.total = {101, 5500};
	// A reset.
	Snapshot c{.time = b.time,
		   .vcpus = 3,
		   .total = {1, 2},
		   .reasons = {{{1, 2}, 48}},
		   .ticks = b.ticks,
		   .generation = 7};
	record(path, session, {a, b, c});

	std::vector<std::uint64_t> io{30, 1, 500, 3, 5000};
	io.resize(5 + 32);
	io[5 + 12] = 93;
	io[5 + 31] = 1;
	EXPECT_EQ(contents(path),
		  magic +
			  frame(payload({row({1, 1'763'720'000'123'456'789, 1, 1, 0b111111, 1, 2,
					      2'445'407, 32, 7, 1234}),
					 text("make"), text("")})) +
			  frame(payload({row({2, 0, 300, 9000, 2, 5, 107, 5001}),
					 row({10, 7, 1000}), row({30, 93, 4000})})) +
			  frame(payload({row({2, 7, 1'000'000'000, 3000, 0, 0, max - 5, 499}),
					 row({10}), row(io)})) +
			  frame(payload({row({2, 0, 0, 0, 1, max - 4, max - 99, max - 5497}),
					 row({48, 1, 2})})));
	session.samples = {a, b, c};
	EXPECT_EQ(load(path), std::vector{session});
}

TEST_F(Recording, HasTheSessionsOfAllRuns)
{
	const auto sessions = record_two(path);
	EXPECT_EQ(load(path), sessions);
}

TEST_F(Recording, BeginsAnewWithTheCounters)
{
	Vm vm = busy_vmx();
	Session first = vmx(), second = vmx({"make"});
	second.info.generation = 8;
	Recorder recorder(path, first);
	for (Session *session : {&first, &second}) {
		vm.now.generation = session->info.generation;
		if (session == &second)
			recorder.begin(second);
		for (int i = 0; i < 2; i++) {
			session->samples.push_back(vm.read(Details::all));
			recorder.add(session->samples.back());
		}
	}
	EXPECT_EQ(load(path), (std::vector{first, second}));
	EXPECT_TRUE(was_counting(first));
	first.samples[1].counting = false;
	EXPECT_FALSE(was_counting(first));
}

TEST_F(Recording, MayHaveNoSamples)
{
	EXPECT_EQ(load((Recorder(path, svm()), path)), std::vector{svm()});
}

// The words of a command are bytes.
TEST_F(Recording, KeepsCommandsThatAreNoUtf8)
{
	const Session session = vmx({"\xFF\x80", "a\nb", std::string(70'000, '\xC3')});
	EXPECT_EQ(load((Recorder(path, session), path)), std::vector{session});
}

TEST_F(Recording, BeginsInAnEmptyFile)
{
	put_contents(path, "");
	Recorder(path, svm());
	EXPECT_EQ(load(path), std::vector{svm()});
}

TEST_F(Recording, KeepsCountersOfAllSizesThatGoAnywhere)
{
	std::mt19937_64 random(2);
	const auto any = [&] {
		return random() >> random() % 64;
	};
	std::vector<Snapshot> samples(300);
	std::chrono::nanoseconds time{};
	for (Snapshot &s : samples) {
		s.time = time += std::chrono::nanoseconds(any() >> 9);
		s.vcpus = std::uint32_t(any());
		s.own_exits = any();
		s.ticks = any();
		s.generation = 7;
		s.counting = random() % 2;
		const bool histograms = random() % 2, away = random() % 2;
		for (std::uint32_t code = 0; code <= other_reason; code += any() % 1000) {
			ReasonCount r{{any() >> 8, any() >> 8}, std::uint16_t(code)};
			if (away) {
				r.away_cycles = r.cycles + (any() >> 1);
				r.user_exits = any();
			}
			for (int i = 0; histograms && i < 32; i++)
				r.histogram.push_back(random() % 4 ? 0 : any());
			s.total.exits += r.exits;
			s.total.cycles += r.cycles;
			s.reasons.push_back(r);
			code++;
		}
	}
	samples.back().time = std::chrono::nanoseconds(INT64_MAX);
	samples.back().total = {max, max};
	const Session session = record(path, vmx(), samples);
	EXPECT_EQ(load(path), std::vector{session});
}

TEST_F(Recording, OfSixtyFourBuckets)
{
	Session session = vmx();
	session.info.buckets = 64;
	Snapshot s{
		.total = {1, 1}, .reasons = {{{1, 1}, 10, 0, 0, Histogram(64)}}, .generation = 7};
	s.reasons[0].histogram[63] = max;
	EXPECT_EQ(load((record(path, session, {s, s}), path))[0].samples, (std::vector{s, s}));
}

TEST_F(Recording, IsSmall)
{
	Vm vm = busy_vmx();
	const auto bytes_per_sample = [&](Details details, unsigned most) {
		std::filesystem::remove(path);
		Recorder recorder(path, vmx());
		recorder.add(vm.read(details, most));
		const auto before = std::filesystem::file_size(path);
		for (int i = 0; i < 100; i++)
			recorder.add(vm.read(details, most));
		return (std::filesystem::file_size(path) - before) / 100;
	};
	const auto idle = bytes_per_sample(Details::none, 0);
	const auto counts = bytes_per_sample(Details::none, 1000);
	const auto all = bytes_per_sample(Details::all, 1000);
	RecordProperty("bytes_idle", int(idle));
	RecordProperty("bytes_counts", int(counts));
	RecordProperty("bytes_all", int(all));
	EXPECT_LE(idle, 70U);
	EXPECT_LE(counts, 135U);
	EXPECT_LE(all, 310U);
}

} // namespace
