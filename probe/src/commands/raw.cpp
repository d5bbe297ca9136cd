// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"

namespace exitstat
{

int show_raw(const Cpuid &cpuid, std::optional<std::uint32_t> ecx, const std::vector<int> &cpus,
	     const Display &display)
{
	std::string s;
	Scopes(cpus).each([&](std::optional<int> cpu) {
		// These are the very answers that a table is made of.
		std::vector<Call> calls;
		Reader reader([&](std::uint32_t eax, std::uint32_t in) {
			const Regs r = cpuid(eax, in);
			if (eax == leaf)
				calls.push_back({in, r});
			return r;
		});
		if (ecx) {
			std::optional<Pin> pin;
			if (cpu)
				pin.emplace(*cpu);
			calls = {{*ecx, cpuid(leaf, *ecx)}};
		} else {
			read(reader, cpu, Details::all);
		}
		s += (s.empty() ? "" : "\n") + raw(calls, reader.info().isa, display.style);
	});
	display.output.write(s);
	return ok;
}

} // namespace exitstat
