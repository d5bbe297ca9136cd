// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "recording/recording.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>

namespace exitstat
{

namespace
{

/// What is compared of a report.
struct Side {
	std::string isa;
	std::optional<double> seconds;
	std::string generation; ///< empty if unknown
	bool counting;
	std::map<std::string, Count> reasons{};
};

/// The last report of a file with JSON, one object a line.
Side from_json(const std::string &path, const std::string &text)
{
	const std::size_t end = text.find_last_not_of(" \t\r\n");
	const std::size_t newline = text.rfind('\n', end);
	const std::size_t start =
		newline == std::string::npos || end == std::string::npos ? 0 : newline + 1;
	try {
		const auto object = nlohmann::json::parse(text.substr(start));
		Side side{object.at("isa"), {}, {}, object.at("counting")};
		if (const auto &seconds = object.at("seconds"); !seconds.is_null())
			side.seconds = seconds;
		if (const auto &generation = object.at("generation"); !generation.is_null())
			side.generation = generation;
		for (const auto &reason : object.at("reasons"))
			side.reasons[reason.at("name")] = {reason.at("exits"), reason.at("cycles")};
		return side;
	} catch (const nlohmann::json::exception &e) {
		throw std::runtime_error(path +
					 ": neither a recording nor JSON of exitstat: " + e.what());
	}
}

Side from_recording(const std::string &path)
{
	const auto sessions = read_recording(path);
	if (sessions.empty() || sessions.back().samples.size() < 2)
		throw std::runtime_error(path + ": has less than two samples");
	const Session &session = sessions.back();
	const Delta delta = between(session, session.samples.back(), session.samples.front());
	Side side{session.info.isa == Isa::vmx ? "VMX" : "SVM",
		  std::chrono::duration<double>(delta.time).count(),
		  delta.generation ? fmt::format("{:016x}", delta.generation) : "",
		  was_counting(session)};
	for (const ReasonCount &reason : delta.reasons)
		side.reasons[reason_name(session.info.isa, reason.code)] = reason;
	return side;
}

Side load(const std::string &path)
{
	std::ifstream file(path, std::ios::binary);
	const std::string text{std::istreambuf_iterator<char>(file), {}};
	if (!file)
		throw std::system_error(errno, std::generic_category(), "cannot read " + path);
	return text.starts_with('{') ? from_json(path, text) : from_recording(path);
}

std::string signed_grouped(std::uint64_t before, std::uint64_t after)
{
	if (after == before)
		return "0";
	return after > before ? "+" + grouped(after - before) : "-" + grouped(before - after);
}

std::string change(double before, double after)
{
	if (before == after)
		return "0.0";
	return before > 0 ? fmt::format("{:+.1f}", 100 * (after - before) / before) : "new";
}

} // namespace

int diff(const std::string &before, const std::string &after, const Display &display)
{
	const Side a = load(before), b = load(after);
	if (a.isa != b.isa)
		throw std::runtime_error("exit reasons of " + a.isa + " and " + b.isa +
					 " cannot be compared: " + before + ", " + after);

	struct Row {
		std::string name;
		Count a, b;

		std::uint64_t change() const
		{
			return std::max(a.exits, b.exits) - std::min(a.exits, b.exits);
		}
	};
	std::vector<Row> rows;
	Row total{"TOTAL", {}, {}};
	std::map<std::string, std::pair<Count, Count>> both;
	for (const auto &[name, count] : a.reasons)
		both[name].first = count;
	for (const auto &[name, count] : b.reasons)
		both[name].second = count;
	for (const auto &[name, counts] : both) {
		rows.push_back({name, counts.first, counts.second});
		total.a.exits += counts.first.exits;
		total.a.cycles += counts.first.cycles;
		total.b.exits += counts.second.exits;
		total.b.cycles += counts.second.cycles;
	}
	std::ranges::stable_sort(rows, std::greater{}, &Row::change);
	rows.push_back(total);

	Table table({{"REASON"},
		     {"EXITS A", 2, 3},
		     {"EXITS B", 2, 2},
		     {"CHANGE"},
		     {"%", 1, 1},
		     {"CYC/EXIT A", 2, 5},
		     {"CYC/EXIT B", 2, 4},
		     {"%", 1, 6}});
	const auto each = [](const Count &count) {
		return count.exits ? grouped(cost(count)) : std::string("-");
	};
	for (const Row &row : rows)
		table.add({row.name, grouped(row.a.exits), grouped(row.b.exits),
			   signed_grouped(row.a.exits, row.b.exits),
			   change(double(row.a.exits), double(row.b.exits)), each(row.a),
			   each(row.b),
			   row.a.exits && row.b.exits
				   ? change(double(cost(row.a)), double(cost(row.b)))
				   : "-"},
			  row.name == "TOTAL");
	std::string s, notes;
	if (display.style.header) {
		for (const auto &[name, path, side] :
		     {std::tuple("A", before, a), std::tuple("B", after, b)}) {
			s += fmt::format("{}: {}", name, path);
			s += side.seconds ? fmt::format(", {:.2f} s\n", *side.seconds) : "\n";
			if (!side.counting)
				notes += fmt::format("Note: the host had switched the counting "
						     "off: VM-Exits of {} are missing.\n",
						     name);
		}
		if (a.generation != b.generation)
			notes += "Note: A and B are of different generations: the counters began "
				 "anew between them,\nor they are of two VMs.\n";
	}
	display.output.write(s + table.text(display.style) + dim(notes, display.style));
	return ok;
}

} // namespace exitstat
