// SPDX-License-Identifier: GPL-2.0
#include "top/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace exitstat
{

std::size_t columns_of(std::string_view text)
{
	return std::size_t(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::size_t columns_of(const TopLine &line)
{
	std::size_t columns = 0;
	for (const TopPiece &piece : line)
		columns += columns_of(piece.text);
	return columns;
}

std::string cut(std::string text, std::size_t width)
{
	std::size_t at = 0;
	for (; at < text.size(); at++)
		if ((text[at] & 0xC0) != 0x80 && !width--)
			break;
	text.resize(at);
	return text;
}

void cut(TopLine &line, std::size_t width)
{
	for (TopPiece &piece : line) {
		piece.text = cut(std::move(piece.text), width);
		width -= columns_of(piece.text);
	}
	std::erase_if(line, [](const TopPiece &piece) { return piece.text.empty(); });
}

TopLine spread(TopLine left, TopPiece right, std::size_t width)
{
	const std::size_t used = columns_of(left), wanted = columns_of(right.text);
	if (wanted && used + 2 + wanted <= width) {
		left.push_back({std::string(width - used - wanted, ' ')});
		left.push_back(std::move(right));
	}
	return left;
}

std::string joined(const std::vector<std::string> &items, std::string_view between,
		   std::size_t width)
{
	std::string s;
	for (const std::string &item : items) {
		if (!s.empty() && s.size() + between.size() + item.size() > width)
			break;
		s += (s.empty() ? "" : std::string(between)) + item;
	}
	return s;
}

std::string sparkline(const std::deque<double> &values, std::size_t width, bool utf8)
{
	// Not the full block: rows would grow together.
	static constexpr std::array<const char *, 8> blocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇"};
	static constexpr std::array<const char *, 8> ramp{" ", ".", ":", "-", "=", "+", "*", "#"};
	constexpr double highest = blocks.size() - 1;
	const auto &levels = utf8 ? blocks : ramp;

	const auto shown = std::min(width, values.size());
	const auto first = values.end() - std::ptrdiff_t(shown);
	double largest = 0, sum = 0;
	for (auto at = first; at != values.end(); at++) {
		largest = std::max(largest, *at);
		sum += *at;
	}
	// What is as it always was does not fill the screen with blocks.
	const double top = shown ? std::max(largest, 2 * sum / double(shown)) : 0;
	std::string s(width - shown, ' ');
	for (auto at = first; at != values.end(); at++) {
		// Whatever happened at all is seen.
		const double level = *at > 0 ? std::ceil(highest * (*at / top)) : 0;
		s += levels[std::size_t(std::clamp(level, 0.0, highest))];
	}
	return s;
}

} // namespace exitstat
