// SPDX-License-Identifier: GPL-2.0
/// \file
/// The frames of a recording, whatever is in them. The format is described in recording.hpp.
#pragma once

#include "recording/recording.hpp"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace exitstat
{

/// What a recording begins with.
constexpr std::string_view magic = "\x89"
				   "exst\r\n"
				   "\x03";

/// A payload with its length and checksum.
std::string frame(std::string_view payload);

/// The frames of a recording, one after the other.
class FrameReader
{
public:
	/// \p fd is closed with it. Throws BadRecording if it is no recording, as do the others.
	FrameReader(const std::string &path, int fd);

	/// The payload of the next frame; none at the end, or where the torn tail begins.
	std::optional<std::string> next();

	/// All before is good.
	[[noreturn]] void refuse(std::string_view how, std::string_view why) const;

	/// What has been read, as far as it is whole.
	std::uint64_t size() const
	{
		return end;
	}

	/// What comes after it, if it is torn. Known at the end.
	const std::optional<TornTail> &torn() const
	{
		return tail;
	}

private:
	std::string path;
	std::unique_ptr<std::FILE, int (*)(std::FILE *)> file;
	std::uint64_t begin = 0, end = 0; ///< of the frame
	std::optional<TornTail> tail{};

	[[noreturn]] void fail() const;

	/// So many bytes, fewer at the end.
	std::string take(std::size_t n);

	/// These bytes are no whole frame: the torn tail begins there. Refuses what is none.
	std::nullopt_t end_torn(std::string bytes, std::string_view damage);
};

} // namespace exitstat
