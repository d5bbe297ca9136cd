// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <utility>
#include <vector>

namespace exitstat
{

namespace
{

/// A table, or the two of them where one is too wide.
class TableMaker
{
public:
	TableMaker(const Report &report, const Style &style, const Detail &detail)
		: report(report), style(style), detail(detail), ticks(report.ticks(detail.cycles)),
		  busy(without_idle(report.delta, report.info.isa))
	{
		const auto &reasons = report.delta.reasons;
		// What one reason has, all have: they were read the same way.
		away = report.info.has(View::away) &&
		       std::ranges::any_of(reasons, &ReasonCount::away_cycles);
		histograms = std::ranges::any_of(
			reasons, [](const ReasonCount &r) { return !r.histogram.empty(); });
		for (const ReasonCount &reason : busy.delta.reasons)
			add(total, reason);
		// It may be more than the sum since the start.
		total.exits = busy.delta.total.exits;
		total.cycles = busy.delta.total.cycles;
	}

	std::string text() const
	{
		std::string s;
		if (style.header)
			s = headline() + dim(facts(), style);
		if (!detail.columns) {
			s += made({count_columns(), lost_columns()}).text(style);
		} else {
			const Table counts = made({count_columns(), time_columns()});
			const Table details = made({away_columns(), histogram_columns()});
			const Table all = made({count_columns(), time_columns(), away_columns(),
						histogram_columns()});
			if (all.width() <= style.width || !(away || histograms))
				s += all.text(style);
			else
				s += counts.text(style) + "\n" + details.text(style);
		}
		return style.header ? s + dim(notes(), style) : s;
	}

private:
	struct Field {
		Column column;
		std::function<std::string(const ReasonCount &)> cell;
	};
	using Fields = std::vector<Field>;

	const Report &report;
	const Style &style;
	const Detail &detail;
	const Ticks ticks;
	const Busy busy;
	ReasonCount total{}; ///< of what is not idle
	bool away = false, histograms = false;

	/// What the guest has lost by a reason, as far as the hypervisor tells.
	std::uint64_t lost(const ReasonCount &reason) const
	{
		return away ? reason.away_cycles : reason.cycles;
	}

	std::string rate_of(const ReasonCount &reason) const
	{
		return rate(reason.exits, report.seconds());
	}

	std::string bound(const ReasonCount &reason, unsigned percent) const
	{
		return ticks.bound(reason.histogram, percent);
	}

	/// Of all that is not idle.
	std::string share(const ReasonCount &reason, std::uint64_t part, std::uint64_t whole) const
	{
		return &reason == &busy.idle ? "" : percent(double(part), double(whole));
	}

	const char *time_head() const
	{
		return ticks.are_time() ? "TIME" : "CYCLES";
	}

	Fields count_columns() const
	{
		Fields fields{{{"EXITS"},
			       [](const auto &r) {
				       return grouped(r.exits);
			       }},
			      {{"%", 1, 5}, [this](const auto &r) {
				       return share(r, r.exits, total.exits);
			       }}};
		if (report.seconds() > 0)
			fields.push_back({{"EXITS/S", 2, 4}, [this](const auto &r) {
						  return rate_of(r);
					  }});
		return fields;
	}

	/// What matters first.
	Fields lost_columns() const
	{
		Fields fields{{{away ? "AWAY" : time_head(), 2, 1},
			       [this](const auto &r) {
				       return ticks.text(double(lost(r)));
			       }},
			      {{"%", 1, 3}, [this](const auto &r) {
				       return share(r, lost(r), lost(total));
			       }}};
		if (!histograms)
			fields.push_back(per_exit());
		else
			fields.push_back({{"P99", 2, 2}, [this](const auto &r) {
						  return bound(r, 99);
					  }});
		if (away)
			fields.push_back(to_user());
		return fields;
	}

	Fields time_columns() const
	{
		Fields fields{{{time_head(), 2, 2},
			       [this](const auto &r) {
				       return ticks.text(double(r.cycles));
			       }},
			      {{"%", 1, 5},
			       [this](const auto &r) {
				       return share(r, r.cycles, total.cycles);
			       }},
			      per_exit()};
		if (report.cpu_percent(0) && !detail.cycles)
			fields.push_back({{"%CPU", 2, 4}, [this](const auto &r) {
						  return fmt::format("{:.2f}",
								     *report.cpu_percent(r.cycles));
					  }});
		return fields;
	}

	Fields away_columns() const
	{
		if (!away)
			return {};
		return {{{"AWAY"},
			 [this](const auto &r) {
				 return ticks.text(double(r.away_cycles));
			 }},
			{{"%", 1, 5},
			 [this](const auto &r) {
				 return share(r, r.away_cycles, total.away_cycles);
			 }},
			to_user()};
	}

	Fields histogram_columns() const
	{
		if (!histograms)
			return {};
		return {{{"P50", 2, 5},
			 [this](const auto &r) {
				 return bound(r, 50);
			 }},
			{{"P90", 2, 2},
			 [this](const auto &r) {
				 return bound(r, 90);
			 }},
			{{"P99", 2, 1},
			 [this](const auto &r) {
				 return bound(r, 99);
			 }},
			{{"MAX", 2, 4}, [this](const auto &r) {
				 return bound(r, 100);
			 }}};
	}

	Field per_exit() const
	{
		return {{ticks.are_time() ? "TIME/EXIT" : "CYC/EXIT", 2, 2}, [this](const auto &r) {
				return r.exits ? ticks.text(double(r.cycles) / double(r.exits))
					       : "-";
			}};
	}

	static Field to_user()
	{
		return {{"TO USER", 2, 4}, [](const auto &r) {
				return grouped(r.user_exits);
			}};
	}

	/// Whether a reason has less than 0.1% of all VM-Exits and of the time.
	bool is_small(const ReasonCount &reason) const
	{
		return 1000 * double(reason.exits) < double(total.exits) &&
		       1000 * double(lost(reason)) < double(lost(total));
	}

	Table made(std::initializer_list<Fields> parts) const
	{
		std::vector<Column> columns{{"REASON"}};
		std::vector<const Field *> fields;
		for (const Fields &part : parts)
			for (const Field &field : part) {
				columns.push_back(field.column);
				fields.push_back(&field);
			}
		Table table(columns);
		const auto row = [&](std::string name, const ReasonCount &reason, bool loud) {
			std::vector<std::string> cells{std::move(name)};
			for (const Field *field : fields)
				cells.push_back(field->cell(reason));
			table.add(std::move(cells), loud);
		};
		const auto &reasons = busy.delta.reasons;
		const bool few = detail.rows || std::ranges::count_if(reasons, [&](const auto &r) {
							return is_small(r);
						}) < 2;
		ReasonCount rest{};
		std::size_t more = 0;
		for (const ReasonCount &reason : reasons) {
			if (!few && is_small(reason)) {
				add(rest, reason);
				more++;
				continue;
			}
			row(name_of(report.info.isa, reason.code), reason,
			    lost(total) && 4 * double(lost(reason)) >= double(lost(total)));
		}
		if (more)
			row(fmt::format("{} others", more), rest, false);
		row("TOTAL", total, false);
		if (busy.idle.exits)
			row("IDLE", busy.idle, false);
		return table;
	}

	std::string headline() const
	{
		const std::uint32_t vcpus = report.cpu ? 1 : std::max(1U, report.info.vcpus);
		const std::string who = report.cpu ? fmt::format("CPU {}", *report.cpu)
						   : fmt::format("{} vCPU{}", report.info.vcpus,
								 report.info.vcpus == 1 ? "" : "s");
		const auto percent = report.cpu_percent(lost(total));
		if (!percent || detail.cycles)
			return bold(fmt::format("{} VM-Exits of {}", grouped(total.exits), who),
				    style) +
			       when(report) + "\n";
		const double share = *percent / vcpus;
		return bold(fmt::format("VM-Exits took {}% of the time of {}",
					share < 0.1 ? fmt::format("{:.2g}", share)
						    : fmt::format("{:.2f}", share),
					who),
			    style) +
		       when(report) + "\n";
	}

	std::string facts() const
	{
		const Info &info = report.info;
		std::string s = report.cpu	    ? fmt::format("one of {} vCPUs", info.vcpus)
				: report.vm.empty() ? std::string("whole VM")
						    : "VM " + report.vm;
		s += info.isa == Isa::vmx ? ", VMX" : ", SVM";
		if (info.tsc_khz)
			s += fmt::format(", TSC {}.{:03} MHz", info.tsc_khz / 1000,
					 info.tsc_khz % 1000);
		if (report.steal)
			s += ", steal time " + duration_text(double(report.steal->count())) +
			     (report.period == Period::since_start ? " since the guest's boot"
								   : "");
		return s + "\n";
	}

	std::string notes() const
	{
		std::string s;
		const char *what = ticks.are_time() ? "time" : "cycles";
		if (away)
			s += fmt::format("AWAY: {} from VM-Exit to VM-Entry, lost for the guest. "
					 "TO USER: VM-Exits\nthat went to userspace.\n",
					 what);
		if (histograms)
			s += fmt::format("{}: {} to handle one VM-Exit in KVM, known by powers of "
					 "two.\n",
					 detail.columns ? "P50 to MAX" : "P99", what);
		if (busy.idle.exits)
			s += fmt::format("IDLE: {}: a vCPU has nothing to do until it is woken; in "
					 "no sum.\n",
					 idle_names());
		if (report.delta.own_exits && report.period != Period::since_start)
			s += fmt::format("{} VM-Exit{} that exitstat caused itself {} left out.\n",
					 grouped(report.delta.own_exits),
					 report.delta.own_exits == 1 ? "" : "s",
					 report.delta.own_exits == 1 ? "is" : "are");
		if (!report.delta.counting)
			s += report.period == Period::since_start
				     ? "Note: the host has switched the counting off: VM-Exits "
				       "since then are missing.\n"
				     : "Note: the host had switched the counting off: VM-Exits of "
				       "that time are missing.\n";
		if (report.emulated)
			s += "Note: this VM runs in an emulator: cycles are ticks of its clock, "
			     "not time.\n";
		return s;
	}

	std::string idle_names() const
	{
		std::string s;
		for (const ReasonCount &reason : report.delta.reasons)
			if (is_idle(report.info.isa, reason.code))
				s += (s.empty() ? "" : ", ") +
				     name_of(report.info.isa, reason.code);
		return s;
	}
};

} // namespace

std::string table(const Report &report, const Style &style, const Detail &detail)
{
	return TableMaker(report, style, detail).text();
}

} // namespace exitstat
