// SPDX-License-Identifier: GPL-2.0
/// \file
/// What a Recorder takes, and what it does where it cannot write.
#include "recording/recordings.hpp"

#include <cerrno>
#include <cstring>

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace
{

TEST_F(Recording, IsOfOneRecorderAtATime)
{
	{
		Recorder first(path, vmx());
		EXPECT_EQ(complaint([&] { Recorder(path, svm()); }),
			  "cannot record to " + path + ": somebody else is recording to it");
		// Readers do not mind.
		EXPECT_EQ(load(path).size(), 1U);
	}
	Recorder(path, svm());
	EXPECT_EQ(load(path).size(), 2U);
}

TEST_F(Recording, IsAFile)
{
	const std::string fifo = folder + "/fifo";
	ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
	for (const std::string &other : {"/dev/null"s, "/dev/full"s, fifo})
		EXPECT_EQ(complaint([&] { Recorder(other, vmx()); }),
			  "cannot record to " + other + ": not a regular file");
	EXPECT_EQ(complaint([&] { Recorder(folder, vmx()); }),
		  "cannot record to " + folder + ": Is a directory");
	EXPECT_EQ(complaint([&] { Recorder(folder + "/no/file", vmx()); }),
		  "cannot record to " + folder + "/no/file: No such file or directory");
}

TEST_F(Recording, RefusesWhatNoReaderMakes)
{
	Vm vm = busy_vmx();
	const Snapshot good = vm.read(Details::all);
	Recorder recorder(path, vmx());
	recorder.add(good);
	const std::string before = contents(path);
	const std::pair<const char *, std::function<void(Snapshot &)>> cases[] = {
		{"back in time",
		 [](Snapshot &s) {
			 s.time -= 1ns;
		 }},
		{"before all time",
		 [](Snapshot &s) {
			 s.time = std::chrono::nanoseconds::min();
		 }},
		{"total too small",
		 [](Snapshot &s) {
			 s.total.exits = 1;
		 }},
		{"total too small",
		 [](Snapshot &s) {
			 s.total.cycles = 1;
		 }},
		{"sum too large",
		 [](Snapshot &s) {
			 s.reasons[0].exits = max;
		 }},
		{"out of order",
		 [](Snapshot &s) {
			 std::swap(s.reasons[0], s.reasons[1]);
		 }},
		{"twice",
		 [](Snapshot &s) {
			 s.reasons[1].code = s.reasons[0].code;
		 }},
		{"histograms of some",
		 [](Snapshot &s) {
			 s.reasons[3].histogram.clear();
		 }},
		{"buckets",
		 [](Snapshot &s) {
			 s.reasons[3].histogram.resize(34);
		 }},
		{"buckets",
		 [](Snapshot &s) {
			 s.reasons[3].histogram.resize(65);
		 }},
		{"another generation",
		 [](Snapshot &s) {
			 s.generation++;
		 }},
		{"less time away",
		 [](Snapshot &s) {
			 s.reasons[3].away_cycles = 1;
		 }},
	};
	for (const auto &[what, change] : cases) {
		Snapshot bad = good;
		change(bad);
		EXPECT_THROW(recorder.add(bad), std::invalid_argument) << what;
		EXPECT_EQ(contents(path), before) << what;
	}
	recorder.add(good);
	EXPECT_EQ(load(path)[0].samples, (std::vector{good, good}));

	const std::string other = folder + "/other";
	Session session = vmx();
	session.info.isa = Isa(3);
	EXPECT_THROW(Recorder(other, session), std::invalid_argument);
	session = vmx();
	session.start -= std::chrono::hours(24 * 365 * 100);
	EXPECT_THROW(Recorder(other, session), std::invalid_argument);
	EXPECT_FALSE(std::filesystem::exists(other));
}

/// Add samples until that fails. The file has then what was added, and can be added to again.
void fill(const std::string &path, const std::string &error, const std::function<void()> &make_room)
{
	Vm vm = busy_vmx();
	std::vector<Snapshot> added;
	Recorder recorder(path, vmx());
	std::string what;
	while (added.size() < 10'000) {
		const Snapshot s = vm.read(Details::all, 10);
		what = complaint([&] { recorder.add(s); });
		if (!what.empty())
			break;
		added.push_back(s);
	}
	const auto size = std::filesystem::file_size(path);
	EXPECT_EQ(what, "cannot record more to " + path + ", which is good up to its end, offset " +
				std::to_string(size) + ": " + error);
	EXPECT_GT(added.size(), 10U);
	EXPECT_EQ(load(path)[0].samples, added);

	make_room();
	added.push_back(vm.read(Details::none));
	recorder.add(added.back());
	EXPECT_EQ(load(path)[0].samples, added);
}

TEST_F(Recording, SurvivesALimitOfItsSize)
{
	rlimit before{};
	ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	const rlimit low{10'000, before.rlim_max};
	ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
	fill(path, "File too large", [&] { setrlimit(RLIMIT_FSIZE, &before); });
}

TEST_F(Recording, SurvivesAFullDisk)
{
	if (mount("none", folder.c_str(), "tmpfs", 0, "size=16k"))
		GTEST_SKIP() << "cannot mount a small disk: " << std::strerror(errno);
	fill(path, "No space left on device",
	     [&] { mount("none", folder.c_str(), "tmpfs", MS_REMOUNT, "size=32k"); });

	// A new one that has no room at all.
	put_contents(folder + "/rest", std::string(1 << 20, 'x'));
	EXPECT_NE(complaint([&] { Recorder(folder + "/new", vmx()); }), "");
	EXPECT_EQ(std::filesystem::file_size(folder + "/new"), 0U);
	umount2(folder.c_str(), MNT_DETACH);
}

} // namespace
