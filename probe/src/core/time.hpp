// SPDX-License-Identifier: GPL-2.0
/// \file
/// What cycles of the host's TSC are: time where its frequency is known, and counts elsewhere.
#pragma once

#include "core/library.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace exitstat
{

/// 1234567 as "1,234,567". Not by locale: a tiny guest has no locale files.
std::string grouped(std::uint64_t value);

class Ticks
{
public:
	/// In an emulator cycles are not time, whatever it says of their frequency.
	Ticks(const Info &info, bool emulated)
		: ns_each(emulated || !info.tsc_khz ? 0 : 1e6 / info.tsc_khz)
	{
	}

	bool are_time() const
	{
		return ns_each > 0;
	}

	/// None where cycles are not time.
	std::optional<double> ns(double cycles) const
	{
		if (!are_time())
			return std::nullopt;
		return std::min(cycles * ns_each, 1.8e19); // as 64 bits can hold
	}

	/// "1.7 us"; "4,321" where cycles are not time.
	std::string text(double cycles) const;

	/// The bucket of a percentile by its upper bound: "<1.7 us", and where cycles are not time
	/// "<4K", for 2,048 to 4,095. The last bucket has none: ">=...". "-" of nothing.
	std::string bound(const Histogram &histogram, unsigned percent) const;

	/// 2^\p power cycles in the same manner, without a sign.
	std::string power_of_two(unsigned power) const;

private:
	double ns_each;
};

/// Nanoseconds with their unit, to two digits or to whole ones: "1.7 us", "340 ns", "12 s".
std::string duration_text(double ns);

/// "12:34:56", by the local time zone.
std::string clock_of_day();

/// Seconds since boot, or of any other long time: "3:04:12", "12d 3:04".
std::string clock_text(std::chrono::nanoseconds time);

} // namespace exitstat
