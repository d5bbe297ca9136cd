// SPDX-License-Identifier: GPL-2.0
#include "core/steal.hpp"

#include <cstdint>
#include <fstream>
#include <sstream>

#include <unistd.h>

namespace exitstat
{

std::optional<std::chrono::nanoseconds> steal_time(std::optional<int> cpu, const std::string &path)
{
	const std::string wanted = cpu ? "cpu" + std::to_string(*cpu) : "cpu";
	std::ifstream file(path);
	for (std::string line; std::getline(file, line);) {
		std::istringstream words(line);
		std::string name;
		words >> name;
		if (name != wanted)
			continue;
		// user, nice, system, idle, iowait, irq, softirq, steal
		std::uint64_t ticks = 0;
		for (int i = 0; i < 8; i++)
			if (!(words >> ticks))
				return std::nullopt;
		const long a_second = sysconf(_SC_CLK_TCK);
		return std::chrono::nanoseconds(ticks * (1'000'000'000 / std::uint64_t(a_second)));
	}
	return std::nullopt;
}

} // namespace exitstat
