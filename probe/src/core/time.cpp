// SPDX-License-Identifier: GPL-2.0
#include "core/time.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace exitstat
{

std::string grouped(std::uint64_t value)
{
	std::string s = std::to_string(value);
	for (auto at = int(s.size()) - 3; at > 0; at -= 3)
		s.insert(std::size_t(at), ",");
	return s;
}

std::string Ticks::text(double cycles) const
{
	return are_time() ? duration_text(cycles * ns_each)
			  : grouped(std::uint64_t(std::clamp(cycles + 0.5, 0.0, 1.8e19)));
}

std::string Ticks::power_of_two(unsigned power) const
{
	if (are_time())
		return duration_text(std::ldexp(ns_each, int(power)));
	static constexpr const char *units[] = {"", "K", "M", "G", "T", "P", "E"};
	return fmt::format("{}{}", 1U << power % 10, units[power / 10]);
}

std::string Ticks::bound(const Histogram &histogram, unsigned percent) const
{
	const auto bucket = percentile(histogram, percent);
	if (!bucket)
		return "-";
	if (*bucket == 0)
		return "0";
	if (*bucket + 1 == histogram.size())
		return ">=" + power_of_two(unsigned(*bucket) - 1);
	return "<" + power_of_two(unsigned(*bucket));
}

std::string duration_text(double ns)
{
	static constexpr const char *units[] = {"ns", "us", "ms", "s"};
	std::size_t unit = 0;
	for (; ns >= 999.5 && unit + 1 < std::size(units); unit++)
		ns /= 1000;
	return fmt::format("{} {}",
			   ns < 9.95 && ns > 0 ? fmt::format("{:.1f}", ns)
					       : fmt::format("{:.0f}", ns),
			   units[unit]);
}

std::string clock_of_day()
{
	const auto now = std::chrono::system_clock::now();
	return fmt::format("{:%H:%M:%S}",
			   fmt::localtime(std::chrono::system_clock::to_time_t(now)));
}

std::string clock_text(std::chrono::nanoseconds time)
{
	const auto s = std::chrono::floor<std::chrono::seconds>(time).count();
	constexpr std::int64_t day = 86'400;
	if (s >= day)
		return fmt::format("{}d {}:{:02}", s / day, s / 3600 % 24, s / 60 % 60);
	return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

} // namespace exitstat
