// SPDX-License-Identifier: GPL-2.0
#include "formats/choice.hpp"

#include "reasons/find.hpp"

#include <algorithm>

namespace exitstat
{

namespace
{

std::vector<std::uint16_t> codes_of(const std::vector<std::string> &names, Isa isa)
{
	std::vector<std::uint16_t> codes;
	for (const std::string &name : names) {
		const auto found = find_reasons(name, isa);
		if (found.empty())
			throw UnknownReason("there is no exit reason \"" + name + "\" of " +
					    (isa == Isa::vmx ? "VMX" : "SVM") + " here");
		for (const FoundReason &reason : found)
			codes.push_back(reason.code);
	}
	return codes;
}

} // namespace

void check(const Choice &choice)
{
	for (const auto *names : {&choice.only, &choice.except})
		for (const std::string &name : *names) {
			if (!find_reasons(name, std::nullopt).empty())
				continue;
			std::string what = "there is no exit reason \"" + name + "\"";
			for (const std::string &near : nearest_reasons(name, std::nullopt))
				what += (what.ends_with('"') ? "; near are: " : ", ") + near;
			throw UnknownReason(what);
		}
}

void choose(Delta &delta, Isa isa, const Choice &choice)
{
	if (choice.only.empty() && choice.except.empty())
		return;
	const auto only = codes_of(choice.only, isa), except = codes_of(choice.except, isa);
	const auto has = [](const auto &codes, std::uint16_t code) {
		return std::ranges::find(codes, code) != codes.end();
	};
	std::erase_if(delta.reasons, [&](const ReasonCount &reason) {
		return (!only.empty() && !has(only, reason.code)) || has(except, reason.code);
	});
	delta.total = {};
	for (const ReasonCount &reason : delta.reasons) {
		delta.total.exits += reason.exits;
		delta.total.cycles += reason.cycles;
	}
}

} // namespace exitstat
