// SPDX-License-Identifier: GPL-2.0
#include "recording/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include <zlib.h>

namespace exitstat
{

namespace
{

constexpr std::size_t longest_payload = 1U << 23;
constexpr std::size_t longest_number = 4; ///< of a payload's length
constexpr std::size_t checksum_size = 4;
constexpr std::size_t longest_frame = longest_number + longest_payload + checksum_size;

std::uint32_t checksum(std::string_view bytes, std::uint32_t before = 0)
{
	return std::uint32_t(
		crc32_z(before, reinterpret_cast<const Bytef *>(bytes.data()), bytes.size()));
}

std::string bytes_of(std::uint32_t checksum)
{
	std::string bytes;
	for (std::size_t i = 0; i < checksum_size; i++, checksum >>= 8)
		bytes += char(checksum & 0xFF);
	return bytes;
}

/// How long a frame is, by its first bytes.
struct Extent {
	std::size_t head;    ///< bytes of the number in front
	std::size_t payload; ///< 0: a frame cannot be as long as that

	std::size_t whole() const
	{
		return head + payload + checksum_size;
	}
};

/// None if the number goes on after these bytes.
std::optional<Extent> extent_of(std::string_view bytes)
{
	std::size_t payload = 0;
	for (std::size_t i = 0; i < bytes.size(); i++) {
		const bool last = !(bytes[i] & 0x80);
		payload |= std::size_t(bytes[i] & 0x7F) << 7 * i;
		if (payload > longest_payload || (!last && i + 1 == longest_number))
			return Extent{i + 1, 0};
		if (last)
			return Extent{i + 1, payload};
	}
	return std::nullopt;
}

/// Whether a whole frame begins after the first of these bytes.
bool has_whole_frame(std::string_view bytes)
{
	// Of all up to each byte; from these that of any part follows. To compute one for each
	// frame that may begin here would take hours where a file had been made for it.
	std::vector<std::uint32_t> checksums{0};
	checksums.reserve(bytes.size() + 1);
	for (std::size_t i = 0; i < bytes.size(); i++)
		checksums.push_back(checksum(bytes.substr(i, 1), checksums.back()));

	for (std::size_t begin = 1; begin < bytes.size(); begin++) {
		const auto extent = extent_of(bytes.substr(begin, longest_number));
		if (!extent || !extent->payload || extent->whole() > bytes.size() - begin)
			continue;
		const std::size_t size = extent->head + extent->payload;
		const auto before =
			std::uint32_t(crc32_combine(checksums[begin], 0, z_off_t(size)));
		if (bytes.substr(begin + size, checksum_size) ==
		    bytes_of(checksums[begin + size] ^ before))
			return true;
	}
	return false;
}

/// Whether this, with which a file ends and no whole frame begins, is a frame that was torn by a
/// kill or a crash, and no damage: by the rule in recording.hpp.
bool is_torn(std::string_view tail)
{
	if (tail.size() > longest_frame)
		return false;
	const std::string_view written = tail.substr(0, tail.find_last_not_of('\0') + 1);
	const auto extent = extent_of(written);
	if (extent && (!extent->payload || written.size() > extent->whole()))
		return false;
	return !has_whole_frame(tail);
}

} // namespace

std::string frame(std::string_view payload)
{
	std::string out;
	for (std::size_t n = payload.size(); out.empty() || n; n >>= 7)
		out += char((n >> 7 ? 0x80 : 0) | (n & 0x7F));
	out += payload;
	return out + bytes_of(checksum(out));
}

FrameReader::FrameReader(const std::string &path, int fd)
	: path(path), file(fdopen(fd, "rb"), &std::fclose)
{
	if (!file)
		fail();
	const std::string head = take(magic.size());
	if (!head.empty() && head.size() < magic.size() && magic.starts_with(head)) {
		tail = {0, head.size()};
		return;
	}
	if (!head.starts_with(magic.substr(0, magic.size() - 1)))
		throw BadRecording(path + ": not a recording of exitstat (offset 0)", 0);
	if (head != magic)
		throw BadRecording(path + ": a recording in a format that this program does not "
					  "read (offset 0)",
				   0);
	end = head.size();
}

std::optional<std::string> FrameReader::next()
{
	begin = end;
	std::string bytes;
	std::optional<Extent> extent;
	for (std::string byte; !extent && !(byte = take(1)).empty(); extent = extent_of(bytes))
		bytes += byte;
	if (bytes.empty())
		return std::nullopt;
	if (!extent)
		return end_torn(bytes, "a frame begins there and does not end");
	if (!extent->payload)
		return end_torn(bytes, "a frame cannot be as long as that");

	bytes += take(extent->whole() - bytes.size());
	if (bytes.size() < extent->whole())
		return end_torn(bytes, fmt::format("a frame of {} bytes begins there, of which {} "
						   "are left, with whole frames among them",
						   extent->whole(), bytes.size()));
	std::string payload = bytes.substr(extent->head, extent->payload);
	if (frame(payload) != bytes)
		return end_torn(bytes, "the checksum is wrong");
	end = begin + bytes.size();
	return payload;
}

std::nullopt_t FrameReader::end_torn(std::string bytes, std::string_view damage)
{
	bytes += take(longest_frame + 1 - bytes.size());
	if (!is_torn(bytes))
		refuse("damaged", damage);
	tail = {begin, bytes.size()};
	return std::nullopt;
}

void FrameReader::refuse(std::string_view how, std::string_view why) const
{
	throw BadRecording(fmt::format("{}: {} at offset {}: {}", path, how, begin, why), begin);
}

void FrameReader::fail() const
{
	throw std::system_error(errno, std::generic_category(), "cannot read " + path);
}

std::string FrameReader::take(std::size_t n)
{
	// Few files have as much as a frame may: not all of it at once.
	constexpr std::size_t most = 1U << 16;
	std::string bytes;
	for (std::size_t had = 0; bytes.size() < n; had = bytes.size()) {
		const std::size_t part = std::min(n - had, most);
		bytes.resize(had + part);
		const std::size_t got = std::fread(bytes.data() + had, 1, part, file.get());
		bytes.resize(had + got);
		if (got < part)
			break;
	}
	if (std::ferror(file.get()))
		fail();
	return bytes;
}

} // namespace exitstat
