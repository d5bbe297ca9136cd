// SPDX-License-Identifier: GPL-2.0
/// \file
/// What is no recording, or a damaged one, is refused, and says where.
#include "recording/recordings.hpp"

#include <sys/wait.h>
#include <unistd.h>

namespace
{

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
	for (const char version : {1, 2, 4}) {
		put_contents(path, magic.substr(0, 7) + version);
		expect_refused(path, 0, "a recording in a format that this program does not read");
	}
}

TEST_F(Recording, DamagedPayloadsAreRefused)
{
	const std::string ok = sample_payload;
	const auto session = [](std::uint64_t start, std::uint64_t emulated, std::uint64_t abi,
				std::uint64_t isa, std::uint64_t vcpus) {
		return row({1, start, emulated, abi, 0b111111, isa, vcpus, 0, 32, 7, 1234});
	};
	const std::string head = row({2, 0, 5, 0, 1, 0, 1, 1});
	const std::string away = row({2, 1, 5, 0, 1, 0, 9, 9});
	const struct {
		const char *how;
		std::string payload;
	} cases[] = {
		// No CBOR, or not so much of it, or something else.
		{"it is not the CBOR", "\xFF"},
		{"it is not the CBOR", ok.substr(0, ok.size() - 1)},
		{"it is not the CBOR", ok + "\0"s},
		{"it is not the CBOR", item(0, 2)},
		{"it is not the CBOR", "\xA0"},
		{"it is not the CBOR", payload({item(0, 2)})},
		{"it is not the CBOR", payload({item(1, 2)})},
		{"it is not the CBOR", payload({item(4, 1) + item(1, 2)})},
		{"it is not the CBOR", payload({item(4, 1) + text("a")})},
		{"it is not the CBOR", payload({item(4, 1) + row({2})})},
		{"it is not the CBOR", payload({item(4, 2) + item(0, 2) + "\xF5"})},
		{"it is not the CBOR", payload({item(4, 2) + item(0, 2) + "\xF6"})},
		{"it is not the CBOR", payload({item(4, 1) + "\xF9\x3C\0"s})},
		{"it is not the CBOR", payload({row({2}), item(2, 1) + "a"})},
		{"it is not the CBOR", item(4, max) + row({2})},
		{"it is not the CBOR", payload({item(3, max) + "a"})},
		{"it is not the CBOR", payload(std::vector(2050, row({2})))},
		{"it is not the CBOR", payload({row(std::vector<std::uint64_t>(70, 2))})},
		// Deeper than any stack.
		{"it is not the CBOR", std::string(4 << 20, '\x81')},
		{"it is not the CBOR", payload({std::string(4 << 20, '\xA1')})},
		{"neither a session nor a sample", payload({})},
		{"neither a session nor a sample", payload({row({})})},
		{"neither a session nor a sample", payload({row({0})})},
		{"neither a session nor a sample", payload({row({3, 0})})},
		{"neither a session nor a sample", payload({text("a")})},
		{"not the row of a session", payload({row({1, 0})})},
		{"not the row of a session", payload({session(0, 0, 1, 1, 2), row({2})})},
		{"not the row of a session", payload({session(0, 2, 1, 1, 2)})},
		{"not the row of a session", payload({session(max / 2 + 1, 0, 1, 1, 2)})},
		{"ABI version 2", payload({session(0, 0, 2, 1, 2)})},
		{"instruction set 3", payload({session(0, 0, 1, 3, 2)})},
		{"32 bits are the most", payload({session(0, 0, 1, 1, 1ULL << 32)})},
		{"a row in it has 1 numbers", payload({row({2})})},
		{"a row in it has 9 numbers", payload({row({2, 0, 5, 0, 1, 0, 0, 0, 0})})},
		{"not the row of a sample", payload({row({2, 8, 5, 0, 1})})},
		{"not the row of a sample", payload({row({2, 0, 5, 0, 1}), text("a")})},
		// Time: back, and beyond 2^63 ns after the boot.
		{"its time is before", payload({row({2, 0, max, 0, 1})})},
		{"its time is before", payload({row({2, 0, max / 2 - 99, 0, 1})})},
		{"32 bits are the most", payload({row({2, 0, 5, 0, 1ULL << 32})})},
		// Reasons.
		{"has no code", payload({head, row({})})},
		{"has no code", payload({head, row({2048, 1, 1})})},
		{"a row in it has 4 numbers", payload({head, row({10, 1, 1, 1})})},
		{"a row in it has 6 numbers", payload({away, row({10, 1, 1, 1, 1, 1})})},
		{"out of order", payload({head, row({10, 0, 0}), row({10, 0, 0})})},
		{"out of order", payload({head, row({10, 0, 0}), row({9, 0, 0})})},
		// Sums.
		{"its total is below", payload({head, row({10, 2, 1})})},
		{"its total is below", payload({head, row({10, 1, 2})})},
		{"its total is below", payload({head, row({10, max, 0}), row({11, 2, 0})})},
		{"its total is below", payload({head, row({10, 0, max}), row({11, 0, 2})})},
		{"time away that does not fit", payload({away, row({10, 1, 2, 0, max})})},
	};
	const std::string good =
		magic + frame(session_payload) + frame(payload({row({2, 0, 100, 0, 1})}));
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
			frame(payload({row({1, 0, 0, 1, 0b111111, 1, 2, 0, buckets, 7, 1234})}));
		put_contents(path, good + frame(payload({row({2, 2, 5, 0, 1, 0, 1, 1}),
							 row({10, 1, 1, 0, 0, 1})})));
		expect_refused(path, good.size(), "histograms where there are none");
		put_contents(path, good + frame(payload({row({2, 0, 5, 0, 1, 0, 1, 1}),
							 row({10, 1, 1})})));
		EXPECT_EQ(load(path)[0].samples.size(), 1U);
	}
}

TEST_F(Recording, DamagedFramesAreRefused)
{
	const std::string good = magic + frame(session_payload);
	const std::string ok = frame(sample_payload);
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
		{"checksum", number(ok.size() + 2) + "\x02" + ok + "x" + "abcd"},
	};
	for (const auto &[how, bytes] : cases) {
		put_contents(path, good + bytes);
		expect_refused(path, good.size(), how);
	}
	put_contents(path, magic + frame(sample_payload));
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
					between(session, session.samples[i],
						session.samples[i - 1]);
			read++;
		} catch (const BadRecording &e) {
			EXPECT_LE(e.offset, file.size());
			refused++;
		}
	}
	EXPECT_GT(refused, 500);
	EXPECT_GT(read, 300);
}

TEST_F(Recording, DoesNotTakeAllMemory)
{
	// 2,048 reasons with a histogram each, of few bytes.
	std::vector<std::string> rows{row({2, 2, 5})};
	for (std::uint64_t code = 0; code < 2048; code++)
		rows.push_back(row({code}));
	const std::string sample = frame(payload(rows));
	std::string file = magic + frame(session_payload);
	for (int i = 0; i < 200; i++)
		file += sample;
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

} // namespace
