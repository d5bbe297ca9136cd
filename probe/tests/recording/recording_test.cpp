// SPDX-License-Identifier: GPL-2.0
/// \file
/// Recordings: what is written is what is read, and nothing else is. What is torn at the end is
/// not.
#include "recording/recording.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <sstream>
#include <string_view>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace exitstat;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace exitstat
{

// What EXPECT_EQ needs of them.
static bool operator==(const Info &a, const Info &b)
{
	return a.abi_version == b.abi_version && a.views == b.views && a.isa == b.isa &&
	       a.vcpus == b.vcpus && a.tsc_khz == b.tsc_khz && a.buckets == b.buckets &&
	       a.generation == b.generation;
}

static bool operator==(const Session &a, const Session &b)
{
	return a.start == b.start && a.info == b.info && a.emulated == b.emulated &&
	       a.own_cycles_per_exit == b.own_cycles_per_exit && a.command == b.command &&
	       a.samples == b.samples;
}

static void PrintTo(const Snapshot &s, std::ostream *out)
{
	*out << "snapshot at " << s.time.count() << " ns, " << s.reasons.size() << " reasons, "
	     << s.total.exits << " exits";
}

} // namespace exitstat

namespace
{

constexpr auto max = std::numeric_limits<std::uint64_t>::max();

std::string contents(const std::string &path)
{
	std::ostringstream out;
	out << std::ifstream(path, std::ios::binary).rdbuf();
	return out.str();
}

void put_contents(const std::string &path, std::string_view bytes)
{
	// Some file systems take their time when a file is written anew.
	std::filesystem::remove(path);
	std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

/// Why a recording is refused; empty if it is not.
std::string complaint(const std::function<void()> &f)
{
	try {
		f();
	} catch (const std::exception &e) {
		return e.what();
	}
	return {};
}

class Recording : public testing::Test
{
protected:
	void SetUp() override
	{
		std::string name = testing::TempDir() + "recording_test.XXXXXX";
		ASSERT_TRUE(mkdtemp(name.data()));
		folder = name;
		path = folder + "/a recording";
	}

	void TearDown() override
	{
		std::filesystem::remove_all(folder);
	}

	std::string folder, path;
};

// ---- Sessions to record ------------------------------------------------------------------------

Session vmx(std::vector<std::string> command = {})
{
	return {std::chrono::system_clock::time_point(1'763'720'000'123'456'789ns),
		{1, 0b111111, Isa::vmx, 2, 2'445'407, 32, 7},
		false,
		1234,
		std::move(command),
		{}};
}

Session svm()
{
	return {std::chrono::system_clock::time_point(0ns),
		{1, 0b100111, Isa::svm, 1, 0, 32},
		true,
		max,
		{},
		{}};
}

/// The counters of a VM, which go on in a way that is the same each time.
class Vm
{
public:
	Vm(Isa isa, std::initializer_list<std::uint16_t> codes)
	{
		now.time = 12'345'678'901ns;
		now.vcpus = 2;
		for (const std::uint16_t code : codes) {
			now.reasons.push_back({{1'000'000, 2'000'000'000}, code});
			now.reasons.back().histogram.resize(32);
		}
		now.generation = isa == Isa::vmx ? 7 : 0;
		now.own_exits = isa == Isa::vmx ? 100 : 0;
	}

	/// A reading after a second with up to so many exits for a reason.
	Snapshot read(Details details, unsigned most = 1000)
	{
		now.time += 1s + std::chrono::nanoseconds(random() % 100'000);
		now.ticks += 2'445'407'000 + random() % 1'000'000;
		now.own_exits += 27;
		now.total = {random() % 50, random() % 50'000};
		for (ReasonCount &r : now.reasons) {
			// Some are seldom.
			const std::uint64_t exits = random() % 4 ? random() % (most + 1) : 0;
			for (std::uint64_t i = 0; i < exits; i++) {
				const unsigned bucket = 9 + r.code % 4 + unsigned(random() % 3);
				r.histogram[bucket]++;
				r.cycles += bucket_min(bucket) + random() % bucket_min(bucket);
			}
			r.exits += exits;
			r.user_exits += r.code == 30 ? exits / 3 : 0;
			r.away_cycles = r.cycles + 100'000 * r.user_exits;
			now.total.exits += r.exits;
			now.total.cycles += r.cycles;
		}
		Snapshot s = now;
		if (details == Details::none)
			for (ReasonCount &r : s.reasons)
				r = {r, r.code};
		return s;
	}

	std::mt19937_64 random{1};
	Snapshot now{};
};

Vm busy_vmx()
{
	return {Isa::vmx, {0, 1, 7, 10, 12, 28, 30, 31, 32, 48, 49, 52}};
}

/// The sessions of a recording that is whole.
std::vector<Session> load(const std::string &path)
{
	LoadedRecording loaded = load_recording(path);
	EXPECT_FALSE(loaded.torn) << "at offset " << loaded.torn->offset;
	return loaded.sessions;
}

/// What is recorded, as load() ought to give it.
Session record(const std::string &path, Session session, std::vector<Snapshot> samples)
{
	Recorder recorder(path, session);
	for (const Snapshot &s : samples)
		recorder.add(s);
	session.samples = std::move(samples);
	return session;
}

/// Two sessions of different VMs.
std::vector<Session> record_two(const std::string &path)
{
	Vm intel = busy_vmx(), amd(Isa::svm, {0x72, 0x78, 0x400, other_reason});
	std::vector<Snapshot> a, b;
	for (int i = 0; i < 10; i++)
		a.push_back(intel.read(i % 3 ? Details::none : Details::all));
	for (int i = 0; i < 3; i++)
		b.push_back(amd.read(Details::none));
	return {record(path, vmx({"make", "-j8", "a b"}), a), record(path, svm(), b)};
}

/// What so many frames have of these sessions.
std::vector<Session> first_frames(const std::vector<Session> &sessions, std::size_t frames)
{
	std::vector<Session> first;
	for (const Session &session : sessions) {
		if (!frames--)
			break;
		first.push_back(session);
		auto &samples = first.back().samples;
		samples.resize(std::min(samples.size(), frames));
		frames -= samples.size();
	}
	return first;
}

// ---- The format, a second time, after its description ------------------------------------------

const std::string magic = "\x89"
			  "exst\r\n\x02";

std::string number(std::uint64_t n)
{
	return n < 128 ? std::string(1, char(n)) : char(n % 128 + 128) + number(n / 128);
}

std::string numbers(std::initializer_list<std::uint64_t> all)
{
	std::string s;
	for (const std::uint64_t n : all)
		s += number(n);
	return s;
}

std::string frame(const std::string &payload)
{
	std::string s = number(payload.size()) + payload;
	std::uint32_t crc = ~0U;
	for (const char c : s) {
		crc ^= std::uint8_t(c);
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
	}
	for (int i = 0; i < 4; i++)
		s += char(~crc >> 8 * i);
	return s;
}

/// The payloads of a good recording.
std::vector<std::string> payloads(const std::string &file)
{
	std::vector<std::string> all;
	for (std::size_t at = magic.size(); at < file.size(); at += 4) {
		std::size_t length = 0;
		for (int shift = 0;; shift += 7) {
			const auto byte = std::uint8_t(file.at(at++));
			length |= std::size_t(byte % 128) << shift;
			if (byte < 128)
				break;
		}
		all.push_back(file.substr(at, length));
		at += length;
	}
	return all;
}

/// Where the first frame of a good recording begins, and where each ends.
std::vector<std::size_t> frame_ends(const std::string &file)
{
	std::vector<std::size_t> ends{magic.size()};
	for (const std::string &payload : payloads(file))
		ends.push_back(ends.back() + frame(payload).size());
	return ends;
}

const std::string session_payload =
	numbers({1, 0, 0, 1, 0b111111, 1, 2, 2'445'407, 32, 7, 1234, 0});

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

	EXPECT_EQ(contents(path),
		  magic +
			  frame(numbers({1, 1'763'720'000'123'456'789, 1, 1, 0b111111, 1, 2,
					 2'445'407, 32, 7, 1234, 2}) +
				"\x04make"s + "\0"s) +
			  frame(numbers({2, 0, 300, 9000, 2, 7, 1, 5, 2, // sample
					 10, 7, 1000,			 // CPUID
					 19, 93, 4000})) +		 // IO_INSTRUCTION: 30 - 11
			  frame(numbers({2, 0b1110, 1'000'000'000, 3000, 2, 0, 0, 0, 1, // sample
					 30, 1, 500, 3, 5000, 1 << 12 | 1U << 31, 93, 1})) +
			  frame(numbers({2, 0b001, 0, 0, 3, 0, 0, 0, 1, 48, 1, 2})));
	session.samples = {a, b, c};
	EXPECT_EQ(load(path), std::vector{session});
}

// ---- What is written is what is read -----------------------------------------------------------

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
	EXPECT_LE(idle, 27U);
	EXPECT_LE(counts, 85U);
	EXPECT_LE(all, 205U);
}

// ---- What is not a recording -------------------------------------------------------------------

void expect_refused(const std::string &path, std::uint64_t offset, const std::string &how)
{
	const std::string before = contents(path);
	try {
		load_recording(path);
		ADD_FAILURE() << "not refused: " << how;
	} catch (const BadRecording &e) {
		EXPECT_EQ(e.offset, offset) << e.what();
		EXPECT_NE(std::string(e.what()).find(how), std::string::npos) << e.what();
		EXPECT_TRUE(std::string(e.what()).starts_with(path + ": ")) << e.what();
		EXPECT_NE(std::string(e.what()).find("offset " + std::to_string(offset)),
			  std::string::npos)
			<< e.what();
		// Nor is it appended to.
		EXPECT_EQ(complaint([&] { Recorder(path, vmx()); }), e.what());
	}
	EXPECT_EQ(contents(path), before) << how;
}

TEST_F(Recording, ForeignFilesAreRefused)
{
	for (const std::string &foreign :
	     {"x"s, "\n"s, "{\"abi_version\":1}\n"s, "\x89PNG\r\n"s, magic.substr(0, 5) + "\n",
	      "\x7f"
	      "ELF"s,
	      "\0"s + magic, "\0"s, std::string(10'000, '\0')}) {
		put_contents(path, foreign);
		expect_refused(path, 0, "not a recording of exitstat");
	}
	for (const char version : {1, 3}) {
		put_contents(path, magic.substr(0, 7) + version);
		expect_refused(path, 0, "a recording in a format that this program does not read");
	}
}

TEST_F(Recording, DamagedPayloadsAreRefused)
{
	const std::string ok = numbers({2, 0, 5, 0, 1, 0, 0, 0, 0});
	const std::string huge(10, '\xFF');
	const struct {
		const char *how;
		std::string payload;
	} cases[] = {
		{"neither a session nor a sample", numbers({0})},
		{"neither a session nor a sample", numbers({3, 0})},
		{"longer than all of it", "\x02"},
		{"longer than all of it", ok.substr(0, ok.size() - 1)},
		{"a sample has a rest", ok + "\0"s},
		{"a session has a rest", session_payload + "\0"s},
		{"it has 16 where 15 is the most", numbers({2, 16, 5, 0, 1, 0, 0, 0, 0})},
		{"it has 2 where 1 is the most",
		 numbers({1, 0, 2, 1, 0b111111, 1, 2, 2'445'407, 32, 7, 1234, 0})},
		{"ABI version 2", numbers({1, 0, 0, 2, 0b111111, 1, 2, 2'445'407, 32, 7, 1234, 0})},
		{"instruction set 3",
		 numbers({1, 0, 0, 1, 0b111111, 3, 2, 2'445'407, 32, 7, 1234, 0})},
		{"is the most", numbers({1, max / 2 + 1, 0, 1, 0b111111, 1, 2, 0, 32, 7, 1234, 0})},
		{"is the most", numbers({1, 0, 0, 1, 0b111111, 1, 1ULL << 32, 0, 32, 7, 1234, 0})},
		{"longer than all of it", session_payload.substr(0, 15) + numbers({max})},
		{"longer than all of it", session_payload.substr(0, 15) + numbers({1, 2}) + "a"},
		// Numbers: of 65 bits and more, and longer than they need be.
		{"a number in it is too long", "\x02\0"s + huge},
		{"a number in it is too long", "\x02\0"s + std::string(9, '\x80') + "\x02"},
		{"a number in it is too long", "\x02\0\x85\0\x01\0\0\0\0"s},
		// Time: beyond 2^63 ns after the boot, at once or with the last sample.
		{"is the most", numbers({2, 0, max / 2 + 1, 0, 1, 0, 0, 0, 0})},
		{"is the most", numbers({2, 0, max / 2 - 99, 0, 1, 0, 0, 0, 0})},
		{"is the most", numbers({2, 0, 5, 0, 1ULL << 32, 0, 0, 0, 0})},
		// Reasons: more than are there, out of the range.
		{"longer than all of it", numbers({2, 0, 5, 0, 1, 0, 0, 0, max})},
		{"longer than all of it", numbers({2, 0, 5, 0, 1, 0, 0, 0, 2, 10, 1, 1})},
		{"it has 2048 where 2047", numbers({2, 0, 5, 0, 1, 0, 0, 0, 1, 2048, 1, 1})},
		{"it has 2037 where 2036",
		 numbers({2, 0, 5, 0, 1, 0, 0, 0, 2, 10, 1, 1, 2037, 1, 1})},
		{"too many reasons", numbers({2, 0, 5, 0, 1, 0, 0, 0, 2, 2047, 1, 1, 0, 1, 1})},
		// Buckets that there are not.
		{"it has 4294967296 where 4294967295",
		 numbers({2, 4, 5, 0, 1, 0, 0, 0, 1, 10, 1, 1, 1ULL << 32, 1})},
		// Sums.
		{"a total does not fit", numbers({2, 0, 5, 0, 1, max, 0, 0, 1, 10, 1, 1})},
		{"a total does not fit", numbers({2, 0, 5, 0, 1, 0, 1, 0, 1, 10, 1, max})},
		{"a total does not fit",
		 numbers({2, 0, 5, 0, 1, 0, 0, 0, 2, 1, max, 0, 0, max, 0})},
		{"time away does not fit", numbers({2, 2, 5, 0, 1, 0, 0, 0, 1, 10, 1, 1, 0, max})},
	};
	const std::string good =
		magic + frame(session_payload) + frame(numbers({2, 0, 100, 0, 1, 0, 0, 0, 0}));
	for (const auto &[how, payload] : cases) {
		put_contents(path, good + frame(payload) + frame(ok));
		expect_refused(path, good.size(), how);
	}
	put_contents(path, good + frame(ok));
	EXPECT_EQ(load(path)[0].samples.size(), 2U);
}

TEST_F(Recording, HistogramsOfNoKnownShapeAreRefused)
{
	for (const std::uint64_t buckets : {0U, 1U, 33U, 66U, 0xFFFFFFFFU}) {
		const std::string good =
			magic +
			frame(numbers({1, 0, 0, 1, 0b111111, 1, 2, 0, buckets, 7, 1234, 0}));
		put_contents(path,
			     good + frame(numbers({2, 4, 5, 0, 1, 0, 0, 0, 1, 10, 1, 1, 1, 1})));
		expect_refused(path, good.size(), "histograms where there are none");
		put_contents(path, good + frame(numbers({2, 0, 5, 0, 1, 0, 0, 0, 1, 10, 1, 1})));
		EXPECT_EQ(load(path)[0].samples.size(), 1U);
	}
}

TEST_F(Recording, DamagedFramesAreRefused)
{
	const std::string good = magic + frame(session_payload);
	const std::string ok = frame(numbers({2, 0, 5, 0, 1, 0, 0, 0, 0}));
	const std::string bad = "\x08\x02\0\x05\x01\0\0\0\0"s + "abcd";
	const std::pair<const char *, std::string> cases[] = {
		// Lengths that no frame has.
		{"cannot be as long", "\0"s + ok},
		{"cannot be as long", std::string(5000, '\0') + ok},
		{"cannot be as long", "\0x"s},
		{"cannot be as long", "\x81\x80\x80\x04"s + std::string(100, '\0')},
		{"cannot be as long", "\x80\x80\x80\x80"s + std::string(100, '\0')},
		{"cannot be as long", std::string(100, '\xFF')},
		// Bytes that no torn frame explains.
		{"checksum", bad + "x"},
		{"checksum", bad + ok},
		{"checksum", bad + ok.substr(0, 5)},
		{"checksum", bad + std::string(5000, '\0') + "x"},
		{"checksum", "\x88\0\x02\0\x05\x01\0\0\0\0"s + "abcd" + ok},
		// Frames that a torn one would have swallowed.
		{"whole frames among them", "\x80\x80\x80\x04"s + std::string(100, '\0') + ok},
		{"whole frames among them", "\xFF\x01" + ok + "x"},
		{"checksum", "\x10\x02" + ok + "x" + "abcd"},
	};
	for (const auto &[how, bytes] : cases) {
		put_contents(path, good + bytes);
		expect_refused(path, good.size(), how);
	}
	put_contents(path, magic + frame(numbers({2, 0, 5, 0, 1, 0, 0, 0, 0})));
	expect_refused(path, magic.size(), "neither a session nor a sample of one");
}

TEST_F(Recording, EveryChangedByteIsFound)
{
	const auto sessions = record_two(path);
	const std::string whole = contents(path);
	const auto ends = frame_ends(whole);
	const std::size_t last = ends[ends.size() - 2];
	std::mt19937 random(3);
	for (std::size_t at = 0; at < whole.size(); at++)
		for (int i = 0; i < 2; i++) {
			std::string changed = whole;
			changed[at] ^= char(1 + random() % 255);
			SCOPED_TRACE("byte " + std::to_string(at) + " as " +
				     std::to_string(changed[at]));
			put_contents(path, changed);
			const auto end = std::ranges::upper_bound(ends, at);
			if (at < last) {
				expect_refused(path, end == ends.begin() ? 0 : *(end - 1), "");
				continue;
			}
			// It may have been torn just so.
			try {
				const LoadedRecording loaded = load_recording(path);
				EXPECT_EQ(loaded.torn, (TornTail{last, whole.size() - last}));
				EXPECT_EQ(loaded.sessions, first_frames(sessions, ends.size() - 2));
			} catch (const BadRecording &e) {
				EXPECT_EQ(e.offset, last);
			}
		}
}

// Lengths that lead beyond the end among them, as a torn frame's does.
TEST_F(Recording, NoChangedLengthIsTakenForATear)
{
	record_two(path);
	const std::string whole = contents(path);
	const auto ends = frame_ends(whole);
	for (std::size_t i = 0; i + 2 < ends.size(); i++)
		for (int value = 0; value < 256; value++) {
			std::string changed = whole;
			changed[ends[i]] = char(value);
			if (changed == whole)
				continue;
			SCOPED_TRACE("frame " + std::to_string(i) + ": " + std::to_string(value));
			put_contents(path, changed);
			expect_refused(path, ends[i], "damaged");
		}
}

// Somebody who can compute checksums writes the file.
TEST_F(Recording, MaliceIsRefusedOrHarmless)
{
	record_two(path);
	const auto good = payloads(contents(path));
	std::mt19937 random(4);
	int refused = 0, read = 0;
	for (int round = 0; round < 5000; round++) {
		auto bad = good;
		for (unsigned changes = 1 + random() % 4; changes; changes--) {
			std::string &payload = bad[random() % bad.size()];
			const std::size_t at = random() % payload.size();
			const char byte = char(random() % 2 ? random() : 0xFF);
			switch (random() % 4) {
			case 0:
				payload.insert(at, random() % 12, byte);
				break;
			case 1:
				payload.erase(at, random() % 4);
				break;
			default:
				payload[at] = byte;
			}
			payload += payload.empty() ? "\x02" : "";
		}
		std::string file = magic;
		for (const std::string &payload : bad)
			file += frame(payload);
		put_contents(path, file);
		try {
			for (const Session &session : load(path))
				for (std::size_t i = 1; i < session.samples.size(); i++)
					without_own(difference(session.samples[i],
							       session.samples[i - 1]),
						    session.info.isa, session.own_cycles_per_exit);
			read++;
		} catch (const BadRecording &e) {
			EXPECT_LE(e.offset, file.size());
			refused++;
		}
	}
	EXPECT_GT(refused, 500);
	EXPECT_GT(read, 500);
}

TEST_F(Recording, DoesNotTakeAllMemory)
{
	// 2,048 reasons with a histogram each, and then a sample of few bytes again and again.
	std::string all = numbers({2, 4, 5, 0, 1, 0, 0, 0, 2048});
	for (int code = 0; code < 2048; code++)
		all += numbers({0, 1, 1, 1, 1});
	std::string file = magic + frame(session_payload) + frame(all);
	for (int i = 0; i < 10'000; i++)
		file += frame(numbers({2, 4, 5, 0, 1, 0, 0, 0, 0}));
	put_contents(path, file);
	try {
		load_recording(path, 64 << 20);
		FAIL();
	} catch (const BadRecording &e) {
		EXPECT_EQ(std::string(e.what()).find(path + ": too long at offset "), 0U)
			<< e.what();
		EXPECT_LT(e.offset, file.size());
	}
	// To append to it takes no more than one of them.
	EXPECT_EQ(complaint([&] { Recorder(path, vmx()); }), "");
}

TEST_F(Recording, CannotBeReadIfItIsNotThere)
{
	EXPECT_EQ(complaint([&] { load(path); }),
		  "cannot read " + path + ": No such file or directory");
	EXPECT_EQ(complaint([&] { load(folder); }), "cannot read " + folder + ": Is a directory");
}

TEST_F(Recording, CanBeReadFromAPipe)
{
	const auto sessions = record_two(path);
	const std::string fifo = folder + "/fifo";
	ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
	const pid_t child = fork();
	if (!child) {
		std::ofstream(fifo) << contents(path);
		_exit(0);
	}
	EXPECT_EQ(load(fifo), sessions);
	waitpid(child, nullptr, 0);
}

// ---- What a kill leaves ------------------------------------------------------------------------

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

// ---- Writing -----------------------------------------------------------------------------------

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
