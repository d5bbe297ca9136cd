// SPDX-License-Identifier: GPL-2.0
/// \file
/// What a kill or a crash leaves is read as far as it is whole.
#include "recording/recordings.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include <sys/wait.h>
#include <unistd.h>

namespace
{

/// That these sessions end at the offset, and that all after it is left out, and then cut off.
void expect_torn(const std::string &path, std::vector<Session> sessions, std::size_t offset)
{
	const std::string before = contents(path);
	std::optional<TornTail> torn;
	if (offset < before.size())
		torn = {offset, before.size() - offset};
	if (sessions.empty()) {
		EXPECT_EQ(complaint([&] { load_recording(path); }),
			  path + ": truncated at offset " + std::to_string(offset) +
				  ": nothing was recorded");
	} else {
		const LoadedRecording loaded = load_recording(path);
		EXPECT_EQ(loaded.sessions, sessions);
		EXPECT_EQ(loaded.torn, torn);
	}
	EXPECT_EQ(contents(path), before);

	sessions.push_back(vmx());
	Vm vm = busy_vmx();
	{
		Recorder recorder(path, vmx());
		EXPECT_EQ(recorder.torn(), torn);
		for (int i = 0; i < 2; i++) {
			sessions.back().samples.push_back(vm.read(Details::all, 10));
			recorder.add(sessions.back().samples.back());
		}
	}
	EXPECT_EQ(contents(path).substr(0, offset), before.substr(0, offset));
	EXPECT_EQ(load(path), sessions);
}

TEST_F(Recording, CutAnywhereHasWhatIsWhole)
{
	const auto sessions = record_two(path);
	const std::string whole = contents(path);
	const auto ends = frame_ends(whole);
	ASSERT_EQ(ends.back(), whole.size());
	for (std::size_t size = 1; size < whole.size(); size++) {
		SCOPED_TRACE("cut to " + std::to_string(size));
		put_contents(path, whole.substr(0, size));
		const auto end = std::ranges::upper_bound(ends, size);
		if (end == ends.begin())
			expect_torn(path, {}, 0);
		else
			expect_torn(path,
				    first_frames(sessions, std::size_t(end - ends.begin()) - 1),
				    *(end - 1));
	}
}

// As after a crash of the machine, with what it had not written yet.
TEST_F(Recording, WithZerosFromAnywhereHasWhatIsWhole)
{
	const auto sessions = record_two(path);
	const std::string whole = contents(path);
	const auto ends = frame_ends(whole);
	for (std::size_t size = magic.size(); size < whole.size(); size++) {
		std::string file = whole.substr(0, size);
		// Up to its length, or beyond.
		file.resize(whole.size() + (size % 2 ? 5000 : 0));
		SCOPED_TRACE("zeros from " + std::to_string(size) + " to " +
			     std::to_string(file.size()));
		put_contents(path, file);
		// A frame may end with zeros.
		const auto same =
			std::size_t(std::ranges::mismatch(whole, file).in1 - whole.begin());
		const auto end = std::ranges::upper_bound(ends, same);
		expect_torn(path, first_frames(sessions, std::size_t(end - ends.begin()) - 1),
			    *(end - 1));
	}
}

TEST_F(Recording, IsTornAfterItsLastFrame)
{
	const std::string good = magic + frame(session_payload);
	const Session session = load((put_contents(path, good), path))[0];
	const std::string bad = "\x08\x02\0\x05\x01\0\0\0\0"s + "abcd";
	const std::size_t longest = (1 << 23) + 8;
	for (const std::string &tail :
	     {"\xFF"s, "\xFF\xFF\xFF"s, "\xFF\xFF\xFF"s + std::string(5000, '\0'),
	      "\x80\x80\x80\x04"s, "\x80\x80\x80\x04"s + std::string(100, '\0'), bad,
	      bad + std::string(5000, '\0'), "\x88\0\x02\0\x05\x01\0\0\0\0"s + "abcd", "\0"s,
	      std::string(longest, '\0'), "\x80\x80\x80\x04" + std::string(longest - 4, '\xFF')}) {
		SCOPED_TRACE(testing::PrintToString(tail.substr(0, 20)) + "...");
		put_contents(path, good + tail);
		expect_torn(path, {session}, good.size());
	}
	// There is no frame as long as that.
	for (const auto &[how, tail] :
	     {std::pair("cannot be as long", std::string(longest + 1, '\0')),
	      {"checksum", "\x80\x80\x80\x04" + std::string(longest - 3, '\xFF')}}) {
		put_contents(path, good + tail);
		expect_refused(path, good.size(), how);
	}
}

/// The i-th sample of a recorder that will be killed.
Snapshot large_sample(std::size_t i)
{
	constexpr std::uint64_t reasons = 2000;
	const std::uint64_t each = std::uint64_t(1) << (50 + i % 2);
	Snapshot s{.time = std::chrono::seconds(i), .vcpus = 2, .generation = 7};
	for (std::uint64_t code = 0; code < reasons; code++)
		s.reasons.push_back({{each, each}, std::uint16_t(code)});
	s.total = {reasons * each, reasons * each};
	return s;
}

std::uint64_t size_of(const std::string &path)
{
	struct stat about;
	return stat(path.c_str(), &about) ? 0 : std::uint64_t(about.st_size);
}

/// Record such samples until the file is longer than \p enough bytes, and be killed. Returns how
/// many were added.
std::size_t record_and_die(const std::string &path, const Session &header, std::uint64_t enough)
{
	int added[2];
	EXPECT_EQ(pipe(added), 0);
	const pid_t child = fork();
	if (child < 0) { // kill(-1) would be for everybody
		ADD_FAILURE() << std::strerror(errno);
		return 0;
	}
	if (!child) {
		Recorder recorder(path, header);
		for (std::size_t i = 0;; i++) {
			recorder.add(large_sample(i));
			[[maybe_unused]] const auto n = write(added[1], "", 1);
		}
	}
	close(added[1]);
	const auto late = std::chrono::steady_clock::now() + 60s;
	while (size_of(path) <= enough && std::chrono::steady_clock::now() < late)
		;
	kill(child, SIGKILL);
	int status = 0;
	waitpid(child, &status, 0);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
	std::size_t samples = 0;
	for (char byte; read(added[0], &byte, 1) == 1;)
		samples++;
	close(added[0]);
	return samples;
}

// write() is not one step: the kernel copies page by page, and looks between two whether it is to
// kill the process. So what is over the end of a page can be torn. Here sessions have a hundred
// pages and samples have ten, and each kill comes as soon as the file has grown to a length
// within one of them.
TEST_F(Recording, SurvivesAKill)
{
	const Session header = vmx(std::vector(100, std::string(4000, 'x')));
	const std::uint64_t of_session = 100 * 4000;
	std::mt19937 random(5);
	std::string good;
	std::size_t sessions = 0;
	int torn_sessions = 0, torn_samples = 0;
	for (int round = 0; round < 60; round++) {
		// Each round reads all of it.
		if (round % 5 == 0) {
			std::filesystem::remove(path);
			good.clear();
			sessions = 0;
		}
		SCOPED_TRACE("round " + std::to_string(round));
		const std::uint64_t enough =
			size_of(path) +
			(round % 2 ? of_session + random() % 150'000 : random() % of_session);
		const std::size_t added = record_and_die(path, header, enough);

		std::string now = contents(path);
		ASSERT_TRUE(now.starts_with(good));
		LoadedRecording loaded;
		const std::string error = complaint([&] { loaded = load_recording(path); });
		if (!sessions && !added && !error.empty()) {
			EXPECT_EQ(error, path + ": truncated at offset 8: nothing was recorded");
			torn_sessions++;
			continue;
		}
		ASSERT_EQ(error, "");
		if (loaded.torn) {
			EXPECT_EQ(loaded.torn->offset + loaded.torn->bytes, now.size());
			now.resize(loaded.torn->offset);
		}
		good = std::move(now);
		if (loaded.sessions.size() == sessions) {
			EXPECT_EQ(added, 0U);
			torn_sessions += loaded.torn.has_value();
			continue;
		}
		ASSERT_EQ(loaded.sessions.size(), ++sessions);
		torn_samples += loaded.torn.has_value();
		// The one that was being added may be whole.
		const Session &last = loaded.sessions.back();
		EXPECT_TRUE(last.samples.size() == added || last.samples.size() == added + 1)
			<< last.samples.size() << " of " << added;
		Session expected = header;
		for (std::size_t i = 0; i < last.samples.size(); i++)
			expected.samples.push_back(large_sample(i));
		// Not EXPECT_EQ, which would print all of it.
		EXPECT_TRUE(last == expected);
	}
	RecordProperty("torn_sessions", torn_sessions);
	RecordProperty("torn_samples", torn_samples);
}

} // namespace
