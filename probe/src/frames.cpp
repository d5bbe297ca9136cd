// SPDX-License-Identifier: GPL-2.0
#include "frames.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include <zlib.h>

namespace exit_stats
{

namespace
{

constexpr std::size_t longest_payload = 1U << 23;

std::uint32_t checksum(std::string_view bytes)
{
	return std::uint32_t(
		crc32_z(0, reinterpret_cast<const Bytef *>(bytes.data()), bytes.size()));
}

} // namespace

void put(std::string &out, std::uint64_t number)
{
	for (; number >> 7; number >>= 7)
		out += char(0x80 | (number & 0x7F));
	out += char(number);
}

std::string frame(std::string_view payload)
{
	std::string out;
	put(out, payload.size());
	out += payload;
	for (std::uint32_t i = 0, sum = checksum(out); i < 4; i++, sum >>= 8)
		out += char(sum & 0xFF);
	return out;
}

FrameReader::FrameReader(const std::string &path, int fd)
	: path(path), file(fdopen(fd, "rb"), &std::fclose)
{
	if (!file)
		fail();
	const std::string head = take(magic.size());
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
	std::uint64_t length = 0;
	do {
		const std::string byte = take(1);
		if (byte.empty() && bytes.empty())
			return std::nullopt;
		if (byte.empty())
			refuse("truncated", "a frame begins there and does not end");
		length |= std::uint64_t(byte[0] & 0x7F) << (7 * bytes.size());
		bytes += byte;
	} while (bytes.back() & 0x80 && length <= longest_payload && bytes.size() < 4);
	if (!length || length > longest_payload)
		refuse("damaged", "a frame cannot be as long as that");

	const std::size_t head = bytes.size();
	bytes += take(length + 4);
	if (bytes.size() < head + length + 4)
		refuse("truncated",
		       fmt::format("a frame of {} bytes begins there, of which {} are left",
				   head + length + 4, bytes.size()));
	end = begin + bytes.size();
	std::string payload = bytes.substr(head, length);
	if (frame(payload) != bytes)
		refuse("damaged", "the checksum is wrong");
	return payload;
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
	std::string bytes(n, '\0');
	bytes.resize(std::fread(bytes.data(), 1, n, file.get()));
	if (std::ferror(file.get()))
		fail();
	return bytes;
}

} // namespace exit_stats
