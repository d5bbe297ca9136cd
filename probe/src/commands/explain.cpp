// SPDX-License-Identifier: GPL-2.0
#include "reasons/explain.hpp"
#include "commands/commands.hpp"
#include "reasons/find.hpp"
#include "reasons/names.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace exitstat
{

int explain_reasons(const Cpuid &cpuid, const std::string &what, const Display &display)
{
	std::string s;
	if (what.empty()) {
		// What there is to explain here; without the leaf, what there is at all.
		try {
			Reader reader(cpuid);
			Snapshot snapshot = reader.read();
			sort(snapshot.reasons, reader.info().isa, display.sort);
			for (const ReasonCount &reason : snapshot.reasons)
				s += explain_line(reader.info().isa, reason.code) + "\n";
		} catch (const Unavailable &) {
			for (const Isa isa : {Isa::vmx, Isa::svm})
				for (const NamedReason &reason : named_reasons(isa))
					if (reason.code != other_reason)
						s += explain_line(isa, reason.code) + "\n";
		}
		display.output.write(s);
		return ok;
	}
	// A name that both ISAs have is this machine's, if it is one with reasons.
	std::optional<Isa> here;
	try {
		here = Reader(cpuid).info().isa;
	} catch (const Unavailable &) {
	}
	auto found = find_reasons(what, here);
	if (found.empty())
		found = find_reasons(what, std::nullopt);
	if (found.empty()) {
		const auto near = nearest_reasons(what, std::nullopt);
		complain("there is no exit reason \"" + what + "\"" +
			 (near.empty() ? "" : "; near are:"));
		for (const std::string &name : near)
			complain("  " + name);
		return wrong_usage;
	}
	for (const auto &[isa, code] : found)
		s += (s.empty() ? "" : "\n") +
		     explain(isa, code, std::clamp<std::size_t>(display.style.width, 40, 100));
	display.output.write(s);
	return ok;
}

} // namespace exitstat
