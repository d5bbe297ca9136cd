// SPDX-License-Identifier: GPL-2.0
/// \file
/// Exit reasons by what somebody calls them.
#pragma once

#include "core/library.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace exitstat
{

struct FoundReason {
	Isa isa;
	std::uint16_t code;

	bool operator==(const FoundReason &) const = default;
};

/// The reasons that \p text names, of both ISAs unless one is given. A name is the kernel's, or
/// what the manuals and the kernel's macros call it ("intr", "#PF", "EXIT_REASON_HLT"), in any
/// case, with blanks, '-' and '_' all the same; a code is decimal, or hexadecimal with 0x, and may
/// have "reason" before it.
std::vector<FoundReason> find_reasons(std::string_view text, std::optional<Isa> only);

/// The kernel's names that have the words of \p text in them, then those that have them in their
/// summaries, then those that differ from it by few letters: best first, at most \p limit, none if
/// nothing is near. A name that both ISAs have, in another case, is given once.
std::vector<std::string> nearest_reasons(std::string_view text, std::optional<Isa> only,
					 std::size_t limit = 3);

} // namespace exitstat
