// SPDX-License-Identifier: GPL-2.0
/// \file
/// Recordings: files with the counters of a VM over time, that grow and survive a kill.
///
/// Version 3 of the format. A file is the same on every machine.
///
///     recording   89 65 78 73 74 0D 0A     "\x89exst\r\n"
///                 03                       version of the format
///                 session, samples, session, samples, ...   in frames, up to the end
///
///     frame       number                   bytes of the payload, 1 to 2^23, in LEB128: seven bits
///                                          a byte, lowest first, bit 7 set in all but the last
///                 payload                  a session or a sample, in CBOR (RFC 8949)
///                 4 bytes, lowest first    CRC-32 (zlib's, IEEE 802.3) of the two
///
/// Payloads are arrays. Their elements are rows, which are arrays of unsigned numbers, of 64 bits
/// at most; and after them texts.
///
///     session     row                      1
///                                          start: ns since 1970-01-01 00:00 UTC, below 2^63
///                                          1 if emulated, so that cycles are not time, else 0
///                                          ABI version of the leaf
///                                          views of the leaf: bit n: view n exists
///                                          ISA of the reasons: 1 VMX, 2 SVM
///                                          vCPUs
///                                          kHz of the host's TSC, 0 if unknown
///                                          buckets of a histogram
///                                          generation of the counters, 0 if unknown
///                                          cycles of one of the recorder's own VM-Exits
///                 texts                    the command, if there is one, with the bytes it had
///
///     sample      row                      2
///                                          bit 0: time away, bit 1: histograms, bit 2: VM-Exits
///                                          were not being counted
///                     deltas               ns since the guest's boot
///                                          ticks of the host's TSC since the counters began
///                                          vCPUs
///                                          VM-Exits that the recorder has caused itself
///                                          exits and cycles, of all reasons
///                 a row for each reason, by code
///                                          code
///                     deltas               exits, cycles
///                                          if there are time away or histograms: exits to
///                                          userspace; away cycles less cycles
///                                          if there are histograms: their buckets
///
/// A delta d makes (last + d) mod 2^64 of a number, where last is what the last delta for it has
/// made in the session, or 0. Zeros at the end of a row are left out. All of a session is of one
/// generation: where the counters have begun anew, so has a session. Time away and histograms may
/// be read less often than exits: samples without those bits say nothing of them. Numbers that are
/// 32 bits wide in the leaf are so here. Time does not go back, totals are not below the sums over
/// reasons, nor away cycles below cycles.
///
/// An hour at a sample a second, of a busy VM with 25 reasons, takes 2.4 MB with all details and
/// 0.8 MB without them. In bits and bytes of our own, as version 2 had them, it was 1.4 and 0.5 MB,
/// and nothing else could read them.
///
/// The end of a file may be torn. write() is not one step: the kernel copies page by page, and a
/// SIGKILL stops it between two, so a recorder that is killed can leave the beginning of a frame.
/// A crash of the machine can leave zeros for what had not reached the disk. What follows the last
/// whole frame is such a torn tail, and no part of the recording, if all of this holds:
///
///     - It is no longer than the longest frame, 2^23 + 8 bytes.
///     - Without the zeros at its end it is nothing, or the beginning of a frame, or the whole of
///       one, with a wrong checksum then.
///     - At none of its bytes does a whole frame begin, one with the right checksum.
///
/// So nothing that could be read is lost with it. The third condition tells a torn frame from one
/// in the midst of a recording whose length is damaged and leads beyond the end: there the frames
/// after it remain. A file that ends within the first 8 bytes is torn at offset 0.
///
/// Anything else is damage, and also a frame whose checksum is right and whose payload makes no
/// sense.
#pragma once

#include "core/library.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace exitstat
{

/// What one run of `exitstat record` saw: the whole VM, again and again, up to where the counters
/// began anew.
struct Session {
	std::chrono::system_clock::time_point start; ///< not before 1970
	Info info;
	bool emulated;			   ///< cycles are not time
	std::uint64_t own_cycles_per_exit; ///< Reader::own_cycles_per_exit()
	std::vector<std::string> command;  ///< that was watched, if any
	/// By time. Time away and histograms are there only where they were read.
	std::vector<Snapshot> samples;
};

/// What a file says that is no recording, or not a whole one. All before the offset is good.
struct BadRecording : std::runtime_error {
	BadRecording(const std::string &what, std::uint64_t offset)
		: std::runtime_error(what), offset(offset)
	{
	}

	std::uint64_t offset; ///< bytes; where a frame begins, or the beginning of the file
};

/// The end of a file that was not written whole. All before it is good.
struct TornTail {
	std::uint64_t offset, bytes;

	bool operator==(const TornTail &) const = default;
};

/// A line that says so, and what becomes of it.
std::string describe(const TornTail &torn, const std::string &path, std::string_view consequence);

/// Appends a session to a recording, sample by sample. After a kill at any time the file has all
/// that add() has returned from, and after an error as well. A kill can leave a torn tail behind
/// it, which load_recording() leaves out and the next Recorder cuts off.
class Recorder
{
public:
	/// Makes the file if there is none, and else appends to it; the header's samples are not
	/// written. Throws BadRecording if the file has anything else in it or is damaged, and
	/// std::runtime_error if another Recorder has it or it cannot be written. The file is then
	/// as it was, but may have lost a torn tail in the last case.
	Recorder(const std::string &path, const Session &header);

	~Recorder();

	/// Another session, of another generation.
	void begin(const Session &header);

	/// What the file ended with, and does no more.
	const std::optional<TornTail> &torn() const;

	/// Throws std::runtime_error if it cannot be written: the file then ends after the last
	/// sample that could. Throws std::invalid_argument for a snapshot that is earlier than the
	/// last one, or that no Reader makes: what add() writes is what load_recording() returns.
	void add(const Snapshot &snapshot);

private:
	struct File;
	std::unique_ptr<File> file;
};

/// What happened between two samples of a session, without the recorder's own VM-Exits.
Delta between(const Session &session, const Snapshot &later, const Snapshot &earlier);

/// Whether VM-Exits were being counted all the time, as far as the samples tell.
bool was_counting(const Session &session);

/// What can be read of a file.
struct LoadedRecording {
	std::vector<Session> sessions{}; ///< one at least
	std::optional<TornTail> torn{};	 ///< what was left out, if anything
};

/// All of a recording, but for a torn tail. Throws BadRecording, also if nothing was recorded or
/// the samples would take more than \p memory bytes, and std::system_error.
LoadedRecording load_recording(const std::string &path, std::size_t memory = 1U << 30);

} // namespace exitstat
