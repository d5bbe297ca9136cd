// SPDX-License-Identifier: GPL-2.0
#include "report.hpp"

#include "reasons.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace exit_stats
{

namespace
{

/// 1234567 as "1,234,567". Not by locale: a tiny guest has no locale files.
std::string grouped(std::uint64_t value)
{
	std::string s = std::to_string(value);
	for (auto at = int(s.size()) - 3; at > 0; at -= 3)
		s.insert(std::size_t(at), ",");
	return s;
}

std::string percent(std::uint64_t part, std::uint64_t whole)
{
	return whole ? fmt::format("{:.1f}", 100.0 * double(part) / double(whole)) : "-";
}

/// Cycles per exit, to the nearest.
std::uint64_t cost(const Count &count)
{
	if (!count.exits)
		return 0;
	const std::uint64_t rest = count.cycles % count.exits;
	return count.cycles / count.exits + (rest >= count.exits - rest);
}

/// A cell and how it is set: the first column to the left, a share next to its number.
struct Cell {
	std::string text;
	int gap = 2;
};

using Row = std::vector<Cell>;

std::string aligned(const std::vector<Row> &rows)
{
	std::vector<std::size_t> width(rows.front().size());
	for (const Row &r : rows)
		for (std::size_t i = 0; i < r.size(); i++)
			width[i] = std::max(width[i], r[i].text.size());

	std::string s;
	for (const Row &r : rows) {
		s += fmt::format("{:{}}", r[0].text, width[0]);
		for (std::size_t i = 1; i < r.size(); i++)
			s += fmt::format("{:>{}}", r[i].text, width[i] + std::size_t(r[i].gap));
		s += "\n";
	}
	return s;
}

Row row(std::string name, const Count &count, const Count &total)
{
	return {{std::move(name)},
		{grouped(count.exits)},
		{percent(count.exits, total.exits), 1},
		{grouped(count.cycles)},
		{percent(count.cycles, total.cycles), 1},
		{count.exits ? grouped(cost(count)) : "-"}};
}

/// The bucket of a percentile by its upper bound: "<4K" is 2,048 to 4,095. The last bucket has none.
std::string bound(const Histogram &histogram, unsigned percent)
{
	const auto bucket = percentile(histogram, percent);
	if (!bucket)
		return "-";
	if (*bucket == 0)
		return "0";
	const bool last = *bucket + 1 == histogram.size();
	const std::size_t power = last ? *bucket - 1 : *bucket;
	static constexpr const char *units[] = {"", "K", "M", "G", "T", "P", "E"};
	return fmt::format("{}{}{}", last ? ">=" : "<", 1U << power % 10, units[power / 10]);
}

/// Time away and histograms, as far as they were read.
std::string details(const Report &report)
{
	const bool away = report.info.has(View::away);
	const bool histograms = has_histograms(report.info, report.cpu ? Scope::vcpu : Scope::vm);
	if (!away && !histograms)
		return {};

	ReasonCount total{};
	total.histogram.resize(histograms ? report.info.buckets : 0);
	for (const ReasonCount &reason : report.snapshot.reasons) {
		total.user_exits += reason.user_exits;
		total.away_cycles += reason.away_cycles;
		for (std::size_t i = 0; i < reason.histogram.size(); i++)
			total.histogram[i] += reason.histogram[i];
	}

	const auto line = [&](std::string name, const ReasonCount &reason) {
		Row r{{std::move(name)}};
		if (away) {
			r.push_back({grouped(reason.user_exits)});
			r.push_back({grouped(reason.away_cycles)});
			r.push_back({percent(reason.away_cycles, total.away_cycles), 1});
		}
		if (histograms)
			for (const unsigned p : {50U, 90U, 99U, 100U})
				r.push_back({bound(reason.histogram, p)});
		return r;
	};
	std::vector<Row> rows{{{"REASON"}}};
	if (away)
		rows[0].insert(rows[0].end(), {{"TO USER"}, {"AWAY CYCLES"}, {"%", 1}});
	if (histograms)
		rows[0].insert(rows[0].end(), {{"P50"}, {"P90"}, {"P99"}, {"MAX"}});
	for (const ReasonCount &reason : report.snapshot.reasons)
		rows.push_back(line(reason_name(report.info.isa, reason.code), reason));
	rows.push_back(line("TOTAL", total));

	std::string s = "\n" + aligned(rows);
	if (away)
		s += "TO USER: VM-Exits that went to userspace. AWAY: cycles from VM-Exit to "
		     "VM-Entry,\nthose in userspace, blocked or scheduled out included.\n";
	if (histograms)
		s += "P50 to MAX: handling cycles of one VM-Exit, known by powers of two: "
		     "<4K is from\n2,048 to 4,095.\n";
	return s;
}

std::string heading(const Report &report)
{
	const Info &info = report.info;
	std::string s = "VM-Exits since the VM started: ";
	s += report.cpu ? fmt::format("CPU {} of ", *report.cpu) : "whole VM, ";
	s += fmt::format("{} vCPU{}", info.vcpus, info.vcpus == 1 ? "" : "s");
	s += info.isa == Isa::vmx ? ", VMX" : ", SVM";
	if (info.tsc_khz)
		s += fmt::format(", TSC {}.{:03} MHz", info.tsc_khz / 1000, info.tsc_khz % 1000);
	return s + "\n";
}

/// A CPUID as the instruction saw it, for --raw.
struct Call {
	std::uint32_t ecx;
	Regs regs;
};

/// What the input ECX asks for: "REASON IO_INSTRUCTION". An index is told where it is no scope, and
/// where it is not 0.
std::string describe(std::uint32_t ecx, Isa isa)
{
	static constexpr const char *names[] = {"TOTAL", "INFO", "REASON", "AWAY", "HIST", "NEXT"};
	const auto view = View(ecx >> 24);
	const std::uint32_t index = ecx >> 16 & 0xFF;
	const auto reason = std::uint16_t(ecx);

	if (std::size_t(view) >= std::size(names))
		return "undefined";
	std::string s = names[std::size_t(view)];
	if (index || view == View::info || view == View::hist)
		s += fmt::format(" {}", index);
	if (view == View::next)
		s += fmt::format(" {:#x}", reason);
	else if (view != View::total && view != View::info)
		s += " " + reason_name(isa, reason);
	return s;
}

std::string raw(const std::vector<Call> &calls, Isa isa)
{
	std::string s = fmt::format("{:10}    {:10} {:10} {:10} {:10} {}\n", "INPUT ECX", "EAX",
				    "EBX", "ECX", "EDX", "VIEW");
	for (const auto &[ecx, r] : calls)
		s += fmt::format("{:#010x} -> {:#010x} {:#010x} {:#010x} {:#010x} {}\n", ecx, r.eax,
				 r.ebx, r.ecx, r.edx, describe(ecx, isa));
	return s;
}

/// One reading, of the CPU that is pinned or of the whole VM.
std::string run_once(const Options &options, const Cpuid &cpuid, std::uint32_t tsc_step,
		     std::optional<int> cpu)
{
	// --raw prints the very answers that a table is made of.
	std::vector<Call> calls;
	const Cpuid logged = [&](std::uint32_t eax, std::uint32_t ecx) {
		const Regs r = cpuid(eax, ecx);
		if (eax == leaf)
			calls.push_back({ecx, r});
		return r;
	};

	std::optional<Pin> pin;
	if (cpu)
		pin.emplace(*cpu);
	const Info info = detect(logged);
	Snapshot snapshot;
	if (options.raw_ecx)
		calls = {{*options.raw_ecx, cpuid(leaf, *options.raw_ecx)}};
	else {
		const Scope scope = cpu ? Scope::vcpu : Scope::vm;
		snapshot = read(logged, scope);
		read_details(logged, scope, info, snapshot);
	}
	if (pin)
		pin->check();

	if (options.format == Format::raw)
		return raw(calls, info.isa);
	sort(snapshot.reasons, info.isa, options.sort);
	const Report report{info, std::move(snapshot), cpu, emulated(cpuid, tsc_step)};
	return options.format == Format::json ? json(report) : table(report);
}

} // namespace

std::string reason_name(Isa isa, std::uint16_t code)
{
	const std::string_view name = known_name(isa, code);
	return name.empty() ? fmt::format("reason {:#x}", code) : std::string(name);
}

void sort(std::vector<ReasonCount> &reasons, Isa isa, Sort by)
{
	std::ranges::sort(reasons, [&](const ReasonCount &a, const ReasonCount &b) {
		const auto ordered = [&](const auto &x, const auto &y) {
			return x == y ? a.code < b.code : x < y;
		};
		switch (by) {
		case Sort::exits:
			return ordered(b.exits, a.exits);
		case Sort::cycles:
			return ordered(b.cycles, a.cycles);
		case Sort::cost:
			return ordered(cost(b), cost(a));
		case Sort::name:
			return ordered(reason_name(isa, a.code), reason_name(isa, b.code));
		case Sort::code:
			break;
		}
		return a.code < b.code;
	});
}

std::string table(const Report &report)
{
	const auto &[total, reasons] = report.snapshot;
	std::vector<Row> rows{
		{{"REASON"}, {"EXITS"}, {"%", 1}, {"CYCLES"}, {"%", 1}, {"CYCLES/EXIT"}}};
	for (const ReasonCount &reason : reasons)
		rows.push_back(row(reason_name(report.info.isa, reason.code), reason, total));
	rows.push_back(row("TOTAL", total, total));

	std::string s = heading(report) + aligned(rows) + details(report);
	if (report.emulated)
		s += "Note: this VM runs in an emulator: cycles are ticks of its clock, not "
		     "time.\n";
	return s;
}

std::string run(const Options &options, const Cpuid &cpuid, std::uint32_t tsc_step)
{
	if (options.cpus.empty())
		return run_once(options, cpuid, tsc_step, std::nullopt);
	std::string s;
	for (const int cpu : options.cpus) {
		if (!s.empty() && options.format != Format::json)
			s += "\n";
		s += run_once(options, cpuid, tsc_step, cpu);
	}
	return s;
}

} // namespace exit_stats
