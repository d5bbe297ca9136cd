// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "core/time.hpp"
#include "reasons/names.hpp"
#include "recording/recording.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
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
	Ticks ticks;
	std::optional<double> seconds; ///< its length
	std::string generation;	       ///< empty if unknown
	bool counting = true;
	std::map<std::string, ReasonCount> reasons{};

	Side(const Info &info, bool emulated)
		: isa(info.isa == Isa::vmx ? "VMX" : "SVM"), ticks(info, emulated)
	{
	}
};

/// The last report of a file with JSON, one object a line. What is not there is not known.
Side from_json(const std::string &path, const std::string &text)
{
	const std::size_t end = text.find_last_not_of(" \t\r\n");
	const std::size_t newline = text.rfind('\n', end);
	const std::size_t start =
		newline == std::string::npos || end == std::string::npos ? 0 : newline + 1;
	try {
		const auto object = nlohmann::json::parse(text.substr(start));
		const auto get = [&](const char *key, auto otherwise) {
			const auto at = object.find(key);
			return at == object.end() || at->is_null()
				       ? otherwise
				       : at->template get<decltype(otherwise)>();
		};
		Info info{};
		info.isa = object.at("isa") == "VMX" ? Isa::vmx : Isa::svm;
		info.tsc_khz = get("tsc_khz", std::uint32_t());
		Side side(info, get("emulated", false));
		side.counting = get("counting", true);
		side.generation = get("generation", std::string());
		if (const double seconds = get("seconds", 0.0); seconds > 0)
			side.seconds = seconds;
		for (const auto &reason : object.at("reasons"))
			side.reasons[reason.at("name")] = {
				{reason.at("exits"), reason.at("cycles")}, reason.at("code")};
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
	Side side(session.info, session.emulated);
	if (delta.time.count() > 0)
		side.seconds = std::chrono::duration<double>(delta.time).count();
	if (delta.generation)
		side.generation = fmt::format("{:016x}", delta.generation);
	side.counting = was_counting(session);
	for (const ReasonCount &reason : delta.reasons)
		side.reasons[name_of(session.info.isa, reason.code)] = reason;
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

/// Per cent, "new" of what was not there.
std::string change(double before, double after)
{
	if (before <= 0)
		return after > 0 ? "new" : "0.0";
	const std::string s = fmt::format("{:+.1f}", 100 * (after - before) / before);
	return s == "+0.0" || s == "-0.0" ? "0.0" : s;
}

/// What a side has of a reason, or of several.
struct Amount {
	Count count{};
	double exits = 0; ///< a second where lengths are known
	double each = 0;  ///< nanoseconds or cycles of an exit
};

struct Row {
	std::string name;
	bool idle = false;
	Amount a{}, b{};

	double change() const
	{
		return std::abs(b.exits - a.exits);
	}
};

/// All reasons, those of an idle vCPU last, and after the total of the others.
std::vector<Row> rows_of(const Side &a, const Side &b, bool rates, bool times)
{
	const Isa isa = a.isa == "VMX" ? Isa::vmx : Isa::svm;
	std::map<std::string, Row> by_name;
	Row total{"TOTAL"};
	const auto add = [](Amount &amount, const Count &count) {
		amount.count.exits += count.exits;
		amount.count.cycles += count.cycles;
	};
	for (const auto &[side, amount] : {std::pair(&a, &Row::a), {&b, &Row::b}})
		for (const auto &[name, count] : side->reasons) {
			Row &row = by_name[name];
			row.idle = is_idle(isa, count.code);
			row.name = name + (row.idle ? " (idle)" : "");
			add(row.*amount, count);
			if (!row.idle)
				add(total.*amount, count);
		}
	std::vector<Row> rows;
	rows.reserve(by_name.size() + 1);
	for (auto &[name, row] : by_name)
		rows.push_back(std::move(row));
	rows.push_back(std::move(total));
	for (Row &row : rows)
		for (const auto &[side, amount] : {std::pair(&a, &row.a), std::pair(&b, &row.b)}) {
			amount->exits = double(amount->count.exits) / (rates ? *side->seconds : 1);
			const double each = double(amount->count.cycles) /
					    double(std::max<std::uint64_t>(amount->count.exits, 1));
			amount->each = times ? *side->ticks.ns(each) : each;
		}
	const auto place = [](const Row &row) {
		return row.idle ? 2 : row.name == "TOTAL";
	};
	std::ranges::stable_sort(rows, [&](const Row &x, const Row &y) {
		return place(x) == place(y) ? x.change() > y.change() : place(x) < place(y);
	});
	return rows;
}

} // namespace

int diff(const std::string &before, const std::string &after, const Display &display)
{
	const Side a = load(before), b = load(after);
	if (a.isa != b.isa)
		throw std::runtime_error("exit reasons of " + a.isa + " and " + b.isa +
					 " cannot be compared: " + before + ", " + after);

	const bool rates = a.seconds && b.seconds;
	const bool times = a.ticks.are_time() && b.ticks.are_time();
	const std::string exits = rates ? "EXITS/S" : "EXITS";
	const std::string each = times ? "TIME/EXIT" : "CYC/EXIT";
	Table table({{"REASON"},
		     {exits + " A", 2, 2},
		     {"B", 2, 3},
		     {"CHANGE"},
		     {"%", 1, 1},
		     {each + " A", 2, 4},
		     {"B", 2, 5},
		     {"%", 1, 6}});
	const auto number = [&](double value) {
		return rates ? rate(value) : grouped(std::uint64_t(value));
	};
	const auto cost_of = [&](const Amount &amount) {
		if (!amount.count.exits)
			return std::string("-");
		return times ? duration_text(amount.each) : grouped(cost(amount.count));
	};
	for (const Row &row : rows_of(a, b, rates, times)) {
		const std::string difference = number(row.change());
		const std::string sign = row.a.exits < row.b.exits ? "+" : "-";
		table.add({row.name, number(row.a.exits), number(row.b.exits),
			   difference.find_first_not_of("0.") == std::string::npos
				   ? "0"
				   : sign + difference,
			   change(row.a.exits, row.b.exits), cost_of(row.a), cost_of(row.b),
			   row.a.count.exits && row.b.count.exits ? change(row.a.each, row.b.each)
								  : "-"},
			  row.name == "TOTAL");
	}
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
		if (!rates)
			notes += fmt::format("Note: the length of {} is not known: counts are "
					     "compared, not rates.\n",
					     a.seconds	 ? "B"
					     : b.seconds ? "A"
							 : "A and B");
		if (a.generation != b.generation)
			notes += "Note: A and B are of different generations: the counters began "
				 "anew between them,\nor they are of two VMs.\n";
	}
	display.output.write(s + table.text(display.style) + dim(notes, display.style));
	return ok;
}

} // namespace exitstat
