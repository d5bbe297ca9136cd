// SPDX-License-Identifier: GPL-2.0
#include "plot/script.hpp"

namespace exitstat
{

// All that might mean something to it is in octal, as what a command was comes from a file, and
// gnuplot can run commands. It takes as many octal digits as come, so a digit after them is in
// octal as well.
std::string in_quotes(std::string_view text)
{
	static constexpr std::string_view plain = " %'()+,-./:;<=>[]_";
	std::string s = "\"";
	bool octal = false;
	for (const char c : text) {
		const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				    (c >= 'a' && c <= 'z') || c & 0x80;
		octal = !(letter || plain.find(c) != std::string_view::npos) ||
			(octal && c >= '0' && c <= '7');
		if (octal)
			s += fmt::format("\\{:03o}", c);
		else
			s += c;
	}
	return s + "\"";
}

void Script::label(double x, double line, std::string_view align, std::string_view text,
		   std::string_view more)
{
	add("set label {} at screen {:.4f}, screen {:.4f} {} front {}", in_quotes(text), x, y(line),
	    align, more);
}

void Script::row(double line, std::string_view colour, std::string_view title,
		 std::initializer_list<std::string> cells)
{
	constexpr double spot_at = 0.61, name_at = 0.624;
	const std::string_view more = colour.empty() ? grey : "";
	if (!colour.empty())
		add("set object rectangle center screen {}, screen {:.4f} size screen 0.012, "
		    "screen {:.4f} fs solid noborder fc rgb '{}'",
		    spot_at, y(line), 0.6 / lines, colour);
	label(name_at, line, "left", title, more);
	for (std::size_t i = 0; const std::string &cell : cells)
		label(column_at[i++], line, "right", cell, more);
}

void Script::axes(double top, double bottom)
{
	add("unset label\nunset object\nunset arrow\n"
	    "set lmargin at screen {}\nset rmargin at screen {}\n"
	    "set tmargin at screen {:.4f}\nset bmargin at screen {:.4f}",
	    left_axis, right_axis, y(top), y(bottom));
}

void Script::plot(bool first, bool last, std::string_view what)
{
	add("{}{}{}", first ? "plot " : "     ", what, last ? "" : ", \\");
}

} // namespace exitstat
