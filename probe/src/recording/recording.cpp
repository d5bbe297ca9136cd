// SPDX-License-Identifier: GPL-2.0
#include "recording/recording.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace exitstat
{

std::string describe(const TornTail &torn, const std::string &path, std::string_view consequence)
{
	return fmt::format("{}: torn at offset {}, as a kill leaves it: {} byte{} {}", path,
			   torn.offset, torn.bytes, torn.bytes == 1 ? "" : "s", consequence);
}

Delta between(const Session &session, const Snapshot &later, const Snapshot &earlier)
{
	return without_own(difference(later, earlier), session.info.isa,
			   session.own_cycles_per_exit);
}

bool was_counting(const Session &session)
{
	return std::ranges::all_of(session.samples, &Snapshot::counting);
}

} // namespace exitstat
