// SPDX-License-Identifier: GPL-2.0
#include "plot/plot.hpp"

#include "commands/commands.hpp"

namespace exitstat
{

int plot_recording(const std::string &file, const std::string &picture)
{
	const auto sessions = read_recording(file);
	if (sessions.empty())
		throw std::runtime_error(file + ": has no samples");
	plot(sessions.back(), picture);
	return ok;
}

} // namespace exitstat
