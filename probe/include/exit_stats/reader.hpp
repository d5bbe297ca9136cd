// SPDX-License-Identifier: GPL-2.0
/// \file
/// Read the VM-Exits of the virtual machine that the caller runs in, from CPUID leaf 0x4FFFFFFF.
///
/// Header-only, C++20, Linux on x86-64; needs nothing but the kernel's uapi headers <asm/vmx.h> and
/// <asm/svm.h> (Debian: linux-libc-dev), which have the names of the exit reasons. No privilege is
/// needed: CPUID works in ring 3.
///
///     exit_stats::Reader reader; // throws Unavailable where there is no such leaf; see probe()
///     const exit_stats::Snapshot before = reader.read();
///     work();
///     const exit_stats::Delta delta = exit_stats::difference(reader.read(), before);
///     for (const auto &reason : delta.reasons)
///         std::cout << exit_stats::reason_name(reader.info().isa, reason.code) << ": "
///                   << reason.exits << " VM-Exits, " << reason.cycles << " cycles\n";
///
/// Counts begin anew where a VM is restored or migrated, of another generation then; and they stand
/// still while the host does not count: see Snapshot::generation and Snapshot::counting. Cycles are
/// ticks of the host's TSC (Intel SDM volume 3, "Time-Stamp Counter"; AMD APM volume 2, "Time-Stamp
/// Counter"), which only Info::tsc_khz makes time, and nothing does in an emulator: see emulated().
///
/// Threads: nothing here is global but constants, so that functions may be called from any number
/// of threads at once, and values (Info, Snapshot, Delta) are like those of any type. A Reader is
/// for one thread at a time, be it one after the other; each thread may have its own, and what
/// another Reader does, in this program or elsewhere, is to it an exit as any other. read_cpu() and
/// Pin move the thread that calls them, and no other; a Pin ends in the thread that made it.
#pragma once

#include "cpuid.hpp"
#include "cpus.hpp"

#include <time.h>

#include <map>

namespace exit_stats
{

/// The leaf is there and breaks its own rules.
struct BadAnswer : std::runtime_error {
	explicit BadAnswer(const std::string &what)
		: std::runtime_error("CPUID leaf 0x4fffffff contradicts itself: " + what)
	{
	}
};

/// Since the guest's boot, times when it was suspended included.
using Clock = std::function<std::chrono::nanoseconds()>;

inline std::chrono::nanoseconds boot_time()
{
	timespec now{};
	clock_gettime(CLOCK_BOOTTIME, &now);
	return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// Of which virtual machine the answers are: where it is another one, reading them causes none of
/// its VM-Exits.
enum class Whose { own, another };

/// Reads the leaf, and knows how many VM-Exits that has caused.
class Reader
{
public:
	/// Throws Unavailable.
	explicit Reader(Cpuid cpuid = native_cpuid, Clock clock = boot_time,
			Whose whose = Whose::own)
		: instruction(std::move(cpuid)), clock(std::move(clock)), whose(whose),
		  about(detect([this](std::uint32_t eax, std::uint32_t ecx) {
			  return counted(eax, ecx);
		  }))
	{
	}

	Reader(const Reader &) = delete;
	Reader &operator=(const Reader &) = delete;

	/// Whether it is the virtual machine that this runs in.
	bool reads_own_vm() const
	{
		return whose == Whose::own;
	}

	/// As of the last reading.
	const Info &info() const
	{
		return about;
	}

	/// The whole VM, all of one generation. 4 + 2 x (reasons seen) CPUIDs without details.
	/// Throws BadAnswer, and Unavailable if the VM has come to a host without the leaf.
	Snapshot read(Details details = Details::none)
	{
		return read(Scope::vm, exits_of_vm, details);
	}

	/// The vCPU that is CPU \p cpu of the guest, to which the thread moves meanwhile. Throws as
	/// read() does, and CpuGone.
	Snapshot read_cpu(int cpu, Details details = Details::none)
	{
		const Pin pin(cpu);
		try {
			Snapshot snapshot = read(Scope::vcpu, exits_of_cpu[cpu], details);
			pin.check();
			return snapshot;
		} catch (const BadAnswer &) {
			pin.check(); // answers of two vCPUs do contradict each other
			throw;
		}
	}

	/// Handling cycles of one of the reader's own VM-Exits, the mean of readings with such
	/// \p details, measured by two in a row; 0 if they do not tell, as VM-Exits are not being
	/// counted. Throws as read() does.
	std::uint64_t own_cycles_per_exit(Details details = Details::none)
	{
		if (!reads_own_vm())
			return 0;
		for (int left = 2; left; left--) {
			const auto before = read(details), after = read(details);
			if (!before.counting || !after.counting ||
			    before.generation != after.generation)
				return 0;
			const ReasonCount *a = before.find(cpuid_reason(about.isa));
			const ReasonCount *b = after.find(cpuid_reason(about.isa));
			if (a && b && b->exits > a->exits)
				return (b->cycles - a->cycles) / (b->exits - a->exits);
		}
		throw BadAnswer("it does not count the CPUIDs that read it");
	}

	/// CPUIDs so far; of another virtual machine's leaf none.
	std::uint64_t cpuids() const
	{
		return exits_of_vm;
	}

private:
	Cpuid instruction;
	Clock clock;
	Whose whose;
	std::uint64_t exits_of_vm = 0;
	std::map<int, std::uint64_t> exits_of_cpu{};
	Info about;

	Regs counted(std::uint32_t eax, std::uint32_t ecx)
	{
		if (reads_own_vm()) {
			exits_of_vm++;
			exits_of_cpu[sched_getcpu()]++;
		}
		return instruction(eax, ecx);
	}

	/// A VM that moves in the midst of it is read again. No VM moves so often that it need be
	/// done a third time. What contradicts itself is read once more as well: what is wrong will
	/// still be so.
	Snapshot read(Scope scope, const std::uint64_t &own, Details details)
	{
		bool was_bad = false;
		for (int left = 3; left; left--) {
			std::optional<BadAnswer> bad;
			Snapshot snapshot{};
			try {
				snapshot = read_once(scope, own, details);
			} catch (const BadAnswer &e) {
				bad = e;
			}
			const Age age = age_of(counted(leaf, selector(View::info, 2)));
			if (age.generation == about.generation) {
				if (bad && was_bad)
					throw *bad;
				was_bad = true;
				if (bad)
					continue;
				snapshot.ticks = age.ticks;
				snapshot.generation = age.generation;
				return snapshot;
			}
			about = detect([this](std::uint32_t eax, std::uint32_t ecx) {
				return counted(eax, ecx);
			});
		}
		throw BadAnswer("each reading is of another generation");
	}

	/// The counters move meanwhile, not least by the exits of the reading itself. Reasons come
	/// first and the total after them: what is counted in between shows up in the total only,
	/// so that it is never below the sum. Details come last, so that they hold at least the
	/// exits that were counted.
	Snapshot read_once(Scope scope, const std::uint64_t &own, Details details)
	{
		const auto ask = [&](View view, std::uint16_t reason) {
			return counted(leaf, selector(view, scope, reason));
		};
		const auto count = [](const Regs &r) {
			if (r == error_answer)
				throw BadAnswer("no count for something it has");
			return Count{pair_a(r), pair_b(r)};
		};

		Snapshot snapshot{};
		snapshot.time = clock();
		const Regs vm = counted(leaf, selector(View::info, 1));
		update(about, vm);
		snapshot.vcpus = vm.ebx;
		snapshot.counting = vm.eax & counting_bit;
		Count sum{};
		for (std::uint32_t from = 0; from <= other_reason;) {
			const Regs next = ask(View::next, std::uint16_t(from));
			if (next == error_answer)
				break;
			// Also what ends the loop: every answer is beyond the last one.
			if (next.eax < from || next.eax > other_reason)
				throw BadAnswer("reason " + std::to_string(next.eax) +
						" follows reason " + std::to_string(from));
			const auto code = std::uint16_t(next.eax);
			const Count c = count(ask(View::reason, code));
			snapshot.reasons.push_back({c, code});
			if (code == cpuid_reason(about.isa))
				snapshot.own_exits = own;
			if (__builtin_add_overflow(sum.exits, c.exits, &sum.exits) ||
			    __builtin_add_overflow(sum.cycles, c.cycles, &sum.cycles))
				throw BadAnswer("the sum of its reasons does not fit 64 bits");
			from = next.eax + 1;
		}
		snapshot.total = count(ask(View::total, 0));
		if (snapshot.total.exits < sum.exits || snapshot.total.cycles < sum.cycles)
			throw BadAnswer("the total is below the sum of its reasons");

		if (details == Details::all)
			read_details(scope, snapshot);
		return snapshot;
	}

	void read_details(Scope scope, Snapshot &snapshot)
	{
		const auto ask = [&](std::uint32_t ecx) {
			const Regs r = counted(leaf, ecx);
			if (r == error_answer)
				throw BadAnswer("no details of a reason it has");
			return r;
		};

		std::uint64_t away = 0;
		for (ReasonCount &reason : snapshot.reasons) {
			if (about.has(View::away)) {
				const Regs r = ask(selector(View::away, scope, reason.code));
				reason.user_exits = pair_a(r);
				reason.away_cycles = pair_b(r);
				if (reason.away_cycles < reason.cycles)
					throw BadAnswer("time away is below the time of handling");
				if (__builtin_add_overflow(away, reason.away_cycles, &away))
					throw BadAnswer("the sum of its reasons does not fit 64 "
							"bits");
			}
			if (!has_histograms(about, scope))
				continue;
			for (std::uint32_t n = 0; n < about.buckets / 2; n++) {
				const Regs r =
					ask(selector(View::hist, std::uint8_t(n), reason.code));
				reason.histogram.push_back(pair_a(r));
				reason.histogram.push_back(pair_b(r));
			}
		}
	}
};

} // namespace exit_stats
