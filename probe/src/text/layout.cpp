// SPDX-License-Identifier: GPL-2.0
#include "text/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace exitstat
{

namespace
{

/// The environment variable, if it is a sensible number.
std::size_t environment_number(const char *name, std::size_t otherwise)
{
	const char *text = std::getenv(name);
	char *end = nullptr;
	const unsigned long value = text ? std::strtoul(text, &end, 10) : 0;
	return value && value <= 10'000 && !*end ? value : otherwise;
}

bool is_set(const char *name)
{
	const char *text = std::getenv(name);
	return text && *text;
}

} // namespace

Style style_of(int fd)
{
	Style style;
	winsize size{};
	if (isatty(fd)) {
		const char *term = std::getenv("TERM");
		style.colour = !is_set("NO_COLOR") && term && std::string_view(term) != "dumb";
		// A serial line does not know its size, and says 0.
		if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
			style.width = size.ws_col;
			style.height = size.ws_row;
			return style;
		}
	}
	style.width = environment_number("COLUMNS", style.width);
	return style;
}

std::string percent(double part, double whole)
{
	return whole > 0 ? fmt::format("{:.1f}", 100 * part / whole) : "-";
}

std::string rate(double per_second)
{
	if (per_second <= 0)
		return "0";
	if (per_second < 9.95)
		return fmt::format("{:.1f}", per_second);
	return grouped(std::uint64_t(std::min(per_second + 0.5, 1.8e19)));
}

std::string rate(std::uint64_t count, double seconds)
{
	return count && seconds <= 0 ? "-" : rate(count ? double(count) / seconds : 0);
}

std::string bold(const std::string &text, const Style &style)
{
	return style.colour ? "\033[1m" + text + "\033[0m" : text;
}

std::string dim(const std::string &text, const Style &style)
{
	return style.colour ? "\033[2m" + text + "\033[0m" : text;
}

std::vector<bool> fit(const std::vector<Slot> &slots, std::size_t width)
{
	std::vector<std::size_t> order(slots.size());
	std::iota(order.begin(), order.end(), 0);
	std::ranges::stable_sort(order, {}, [&](std::size_t i) { return slots[i].expendable; });
	std::vector<bool> shown(slots.size());
	for (const std::size_t i : order) {
		if (slots[i].expendable && slots[i].width > width)
			break;
		shown[i] = true;
		width -= std::min(width, slots[i].width);
	}
	return shown;
}

std::vector<std::size_t> Table::widths() const
{
	std::vector<std::size_t> width;
	for (const Column &column : columns)
		width.push_back(column.head.size());
	for (const Row &row : rows)
		for (std::size_t i = 0; i < width.size(); i++)
			width[i] = std::max(width[i], row.cells[i].size());
	for (std::size_t i = 1; i < width.size(); i++)
		width[i] += columns[i].gap;
	return width;
}

std::size_t Table::width() const
{
	std::size_t all = 0;
	for (const std::size_t width : widths())
		all += width;
	return all;
}

Table Table::beside(const Table &other) const
{
	Table both = *this;
	both.columns.insert(both.columns.end(), other.columns.begin() + 1, other.columns.end());
	for (std::size_t i = 0; i < rows.size(); i++) {
		const auto &more = other.rows[i].cells;
		both.rows[i].cells.insert(both.rows[i].cells.end(), more.begin() + 1, more.end());
	}
	return both;
}

std::string Table::text(const Style &style) const
{
	std::vector<std::size_t> width = widths();
	std::vector<Slot> slots;
	for (std::size_t i = 0; i < columns.size(); i++)
		slots.push_back({width[i], columns[i].expendable});
	const std::vector<bool> shown = fit(slots, style.width);
	std::size_t all = 0;
	for (std::size_t i = 0; i < columns.size(); i++)
		all += shown[i] ? width[i] : 0;
	// At last, names are cut.
	if (all > style.width)
		width[0] =
			std::max<std::size_t>(8, width[0] - std::min(width[0], all - style.width));

	const auto line = [&](const auto &cell) {
		std::string s = fmt::format("{:{}.{}}", cell(0), width[0], width[0]);
		for (std::size_t i = 1; i < columns.size(); i++)
			if (shown[i])
				s += fmt::format("{:>{}}", cell(i), width[i]);
		return s;
	};
	std::string s;
	if (style.header)
		s += bold(line([&](std::size_t i) { return columns[i].head; }), style) + "\n";
	for (const Row &row : rows) {
		const std::string text = line([&](std::size_t i) { return row.cells[i]; });
		s += (row.loud ? bold(text, style) : text) + "\n";
	}
	return s;
}

} // namespace exitstat
