// SPDX-License-Identifier: GPL-2.0
/// \file
/// The columns of the live view.
#pragma once

#include "core/time.hpp"
#include "top/keys.hpp"
#include "top/model.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace exitstat
{

struct TopColumn {
	std::string head;
	std::size_t gap; ///< blanks before it
	std::size_t width;
	/// What does not fit goes away, the highest first; 0 stays.
	int expendable;
	std::optional<Sort> key;
	std::function<std::string(const TopRow &)> cell; ///< none: the trend
	bool left = false;				 ///< set to the left
};

/// Those that have room in \p width columns, with all that \p state asks for first. Cells refer to
/// the model.
std::vector<TopColumn> top_columns(const TopModel &model, const TopState &state, const Info &info,
				   const Ticks &ticks, std::size_t width);

/// Cycles a second as per cent of one CPU's time, which they are.
std::string cpu_text(const Ticks &ticks, double cycles);

} // namespace exitstat
