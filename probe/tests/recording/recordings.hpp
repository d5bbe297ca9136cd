// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the tests of recordings share: sessions to record, and the format a second time, after its
/// description.
#pragma once

#include "model/files.hpp"
#include "recording/recording.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <string_view>

#include <sys/stat.h>

using namespace exitstat;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace exitstat
{

// What EXPECT_EQ needs of them.
inline bool operator==(const Info &a, const Info &b)
{
	return a.abi_version == b.abi_version && a.views == b.views && a.isa == b.isa &&
	       a.vcpus == b.vcpus && a.tsc_khz == b.tsc_khz && a.buckets == b.buckets &&
	       a.generation == b.generation;
}

inline bool operator==(const Session &a, const Session &b)
{
	return a.start == b.start && a.info == b.info && a.emulated == b.emulated &&
	       a.own_cycles_per_exit == b.own_cycles_per_exit && a.command == b.command &&
	       a.samples == b.samples;
}

inline void PrintTo(const Snapshot &s, std::ostream *out)
{
	*out << "snapshot at " << s.time.count() << " ns, " << s.reasons.size() << " reasons, "
	     << s.total.exits << " exits";
}

} // namespace exitstat

constexpr auto max = std::numeric_limits<std::uint64_t>::max();

inline void put_contents(const std::string &path, std::string_view bytes)
{
	// Some file systems take their time when a file is written anew.
	std::filesystem::remove(path);
	std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
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

inline Session vmx(std::vector<std::string> command = {})
{
	return {std::chrono::system_clock::time_point(1'763'720'000'123'456'789ns),
		{1, 0b111111, Isa::vmx, 2, 2'445'407, 32, 7},
		false,
		1234,
		std::move(command),
		{}};
}

inline Session svm()
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

inline Vm busy_vmx()
{
	return {Isa::vmx, {0, 1, 7, 10, 12, 28, 30, 31, 32, 48, 49, 52}};
}

/// The sessions of a recording that is whole.
inline std::vector<Session> load(const std::string &path)
{
	LoadedRecording loaded = load_recording(path);
	EXPECT_FALSE(loaded.torn) << "at offset " << loaded.torn->offset;
	return loaded.sessions;
}

/// What is recorded, as load() ought to give it.
inline Session record(const std::string &path, Session session, std::vector<Snapshot> samples)
{
	Recorder recorder(path, session);
	for (const Snapshot &s : samples)
		recorder.add(s);
	session.samples = std::move(samples);
	return session;
}

/// Two sessions of different VMs.
inline std::vector<Session> record_two(const std::string &path)
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
inline std::vector<Session> first_frames(const std::vector<Session> &sessions, std::size_t frames)
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

// ---- The format --------------------------------------------------------------------------------

inline const std::string magic = "\x89"
				 "exst\r\n\x03";

inline std::string number(std::uint64_t n)
{
	return n < 128 ? std::string(1, char(n)) : char(n % 128 + 128) + number(n / 128);
}

/// What a CBOR item begins with.
inline std::string item(unsigned type, std::uint64_t n)
{
	std::string s;
	int bytes = n < 24 ? 0 : n < 0x100 ? 1 : n < 0x10000 ? 2 : n >> 32 ? 8 : 4;
	s += char(type << 5 | (bytes == 0   ? n
			       : bytes == 1 ? 24U
			       : bytes == 2 ? 25U
			       : bytes == 4 ? 26U
					    : 27U));
	while (bytes--)
		s += char(n >> 8 * bytes);
	return s;
}

inline std::string row(const std::vector<std::uint64_t> &all)
{
	std::string s = item(4, all.size());
	for (const std::uint64_t n : all)
		s += item(0, n);
	return s;
}

inline std::string text(const std::string &text)
{
	return item(3, text.size()) + text;
}

inline std::string payload(const std::vector<std::string> &items)
{
	std::string s = item(4, items.size());
	for (const std::string &item : items)
		s += item;
	return s;
}

inline std::string frame(const std::string &payload)
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
inline std::vector<std::string> payloads(const std::string &file)
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
inline std::vector<std::size_t> frame_ends(const std::string &file)
{
	std::vector<std::size_t> ends{magic.size()};
	for (const std::string &payload : payloads(file))
		ends.push_back(ends.back() + frame(payload).size());
	return ends;
}

inline const std::string session_payload =
	payload({row({1, 0, 0, 1, 0b111111, 1, 2, 2'445'407, 32, 7, 1234})});

/// Of a sample after 5 ns.
inline const std::string sample_payload = payload({row({2, 0, 5, 0, 1})});

inline void expect_refused(const std::string &path, std::uint64_t offset, const std::string &how)
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
