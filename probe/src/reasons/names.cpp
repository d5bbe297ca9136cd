// SPDX-License-Identifier: GPL-2.0
#include "reasons/names.hpp"
#include "reasons/texts.hpp"

#include <algorithm>

namespace exitstat
{

static std::vector<NamedReason> collect(Isa isa)
{
	std::vector<NamedReason> all;
	for (const ReasonText &text : reason_texts(isa))
		all.push_back({text.code, text.name});
	// What these headers name and nobody has explained yet. Some of the codes are KVM's own.
	for (const ReasonName &reason : reason_names(isa))
		if (reason.code >= 0 && reason.code < other_reason &&
		    std::ranges::find(all, reason.code, &NamedReason::code) == all.end())
			all.push_back({std::uint16_t(reason.code), reason.name});
	std::ranges::sort(all, {}, &NamedReason::code);
	return all;
}

const std::vector<NamedReason> &named_reasons(Isa isa)
{
	static const std::vector<NamedReason> vmx = collect(Isa::vmx), svm = collect(Isa::svm);
	return isa == Isa::vmx ? vmx : svm;
}

std::string name_of(Isa isa, std::uint16_t code)
{
	const auto &all = named_reasons(isa);
	const auto at = std::ranges::lower_bound(all, code, {}, &NamedReason::code);
	return at != all.end() && at->code == code ? std::string(at->name) : reason_name(isa, code);
}

} // namespace exitstat
