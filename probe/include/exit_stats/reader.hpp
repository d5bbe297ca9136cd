// SPDX-License-Identifier: GPL-2.0
/// \file
/// Read the VM-Exits of the virtual machine that the caller runs in, from CPUID leaf 0x4FFFFFFF.
///
/// Header-only, C++20, Linux on x86-64; needs nothing but the kernel's uapi headers <asm/vmx.h> and
/// <asm/svm.h> (Debian: linux-libc-dev), which have the names of the exit reasons. No privilege is
/// needed: CPUID works in ring 3.
///
///     exit_stats::Reader reader; // throws Unavailable where there is no such leaf
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
/// All functions may be called from any number of threads at once. A Reader is for one thread at a
/// time; what another Reader does, in this program or elsewhere, is to it an exit as any other.
#pragma once

#include "delta.hpp"

#include <sched.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <functional>
#include <initializer_list>
#include <map>
#include <system_error>

namespace exit_stats
{

// ---- CPUID, and what it tells of the machine ---------------------------------------------------

/// CPUID: input EAX and ECX in, registers out. Everything that reads the leaf takes one, so that
/// tests answer from a model of KVM.
using Cpuid = std::function<Regs(std::uint32_t eax, std::uint32_t ecx)>;

/// The instruction itself. Volatile, because two reads of a counter are two reads.
inline Regs native_cpuid(std::uint32_t eax, std::uint32_t ecx)
{
	Regs r{eax, 0, ecx, 0};
	asm volatile("cpuid" : "+a"(r.eax), "=b"(r.ebx), "+c"(r.ecx), "=d"(r.edx));
	return r;
}

/// The text in CPUID registers, up to its first NUL. It came from outside: only printable ASCII
/// gets through.
inline std::string text(std::initializer_list<std::uint32_t> registers)
{
	std::string s;
	for (std::uint32_t r : registers)
		for (int byte = 0; byte < 4; byte++, r >>= 8) {
			const char c = char(r & 0xFF);
			if (!c)
				return s;
			s += c >= ' ' && c <= '~' ? c : '?';
		}
	return s;
}

/// CPUID.1:ECX[31], which hardware keeps clear.
inline bool has_hypervisor_bit(const Cpuid &cpuid)
{
	return cpuid(1, 0).ecx >> 31;
}

/// "KVMKVMKVM", "Microsoft Hv", "VMwareVMware", ...; empty if it has no name.
inline std::string hypervisor_name(const Cpuid &cpuid)
{
	const Regs r = cpuid(0x40000000, 0);
	return text({r.ebx, r.ecx, r.edx});
}

inline std::string brand_string(const Cpuid &cpuid)
{
	std::string s;
	if (cpuid(0x80000000, 0).eax < 0x80000004)
		return s;
	for (std::uint32_t i = 0x80000002; i <= 0x80000004; i++) {
		const Regs r = cpuid(i, 0);
		s += text({r.eax, r.ebx, r.ecx, r.edx});
	}
	return s;
}

/// Ticks between two RDTSC in a row: the smallest of several tries.
inline std::uint32_t smallest_tsc_step()
{
	std::uint32_t smallest = UINT32_MAX;
	for (int i = 0; i < 16; i++) {
		std::uint32_t first, second;
		asm volatile("rdtsc; mov %%eax, %1; rdtsc" : "=&a"(second), "=&r"(first) : : "edx");
		smallest = std::min(smallest, second - first);
	}
	return smallest;
}

/// Whether the machine under the hypervisor is emulated, so that cycles are not time. A guest is
/// told by nobody, but sees the CPU's brand string, which "-cpu host" passes on, and its TSC:
/// Bochs ticks once an instruction, while on hardware RDTSC alone takes several ticks.
inline bool emulated(const Cpuid &cpuid, std::uint32_t tsc_step)
{
	return tsc_step < 4 || brand_string(cpuid).starts_with("QEMU TCG");
}

// ---- CPUs --------------------------------------------------------------------------------------

/// A set of CPUs as the scheduler's system calls take it. 8192 is the most Linux can have on x86.
class CpuSet
{
public:
	static constexpr int limit = 8192;

	/// The CPUs that are online and that this thread may run on. Throws std::system_error.
	static CpuSet allowed()
	{
		CpuSet set;
		if (sched_getaffinity(0, sizeof(set.words), set.words.data()))
			throw std::system_error(errno, std::generic_category(),
						"cannot read the CPU affinity");
		return set;
	}

	static CpuSet only(int cpu)
	{
		CpuSet set;
		if (cpu >= 0 && cpu < limit)
			CPU_SET_S(cpu, sizeof(set.words), set.words.data());
		return set;
	}

	/// Move this thread to these CPUs; returns after the move.
	bool apply() const
	{
		return sched_setaffinity(0, sizeof(words), words.data()) == 0;
	}

	std::vector<int> list() const
	{
		std::vector<int> cpus;
		for (int cpu = 0; cpu < limit; cpu++)
			if (CPU_ISSET_S(cpu, sizeof(words), words.data()))
				cpus.push_back(cpu);
		return cpus;
	}

private:
	std::array<cpu_set_t, limit / CPU_SETSIZE> words{};
};

/// Keeps this thread on one CPU as long as the object lives. Throws std::runtime_error if it
/// cannot.
class Pin
{
public:
	explicit Pin(int cpu) : cpu(cpu)
	{
		if (!CpuSet::only(cpu).apply())
			throw std::runtime_error("CPU " + std::to_string(cpu) +
						 " does not exist, is offline or is not allowed "
						 "to this process");
	}

	~Pin()
	{
		before.apply();
	}

	Pin(const Pin &) = delete;
	Pin &operator=(const Pin &) = delete;

	/// Throws if the thread was moved all the same: the CPU went offline, or somebody else
	/// changed the affinity.
	void check() const
	{
		if (sched_getcpu() != cpu)
			throw std::runtime_error("CPU " + std::to_string(cpu) +
						 " went away during the reading");
	}

private:
	const CpuSet before = CpuSet::allowed();
	const int cpu;
};

// ---- Reading -----------------------------------------------------------------------------------

/// There are no exit statistics here that this program can read.
struct Unavailable : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/// The leaf is there and breaks its own rules.
struct BadAnswer : std::runtime_error {
	explicit BadAnswer(const std::string &what)
		: std::runtime_error("CPUID leaf 0x4fffffff contradicts itself: " + what)
	{
	}
};

/// View INFO, index 2.
struct Age {
	std::uint64_t ticks, generation;
};

/// What INFO 2 has answered; zeros for the error that a leaf without it answers.
constexpr Age age_of(const Regs &r)
{
	return r == error_answer ? Age{} : Age{pair_a(r), pair_b(r)};
}

/// Read view INFO, three CPUIDs. Throws Unavailable.
inline Info detect(const Cpuid &cpuid)
{
	const Regs id = cpuid(leaf, selector(View::info, 0));
	if (text({id.ebx, id.ecx, id.edx}) != signature) {
		if (!has_hypervisor_bit(cpuid))
			throw Unavailable("no VM-Exits to count: CPUID shows no hypervisor, so "
					  "this is not a virtual machine");
		const std::string name = hypervisor_name(cpuid);
		throw Unavailable("no exit statistics here: the hypervisor (" +
				  (name.empty() ? "without a name" : name) +
				  ") does not offer them in CPUID leaf 0x4fffffff");
	}

	Info info{};
	info.abi_version = id.eax & 0xFFFF;
	info.views = id.eax >> 16;
	if (info.abi_version != abi_version)
		throw Unavailable("the hypervisor's exit statistics have ABI version " +
				  std::to_string(info.abi_version) + "; this program reads " +
				  std::to_string(abi_version));
	for (auto [view, name] : {std::pair(View::total, "TOTAL"),
				  {View::info, "INFO"},
				  {View::reason, "REASON"},
				  {View::next, "NEXT"}})
		if (!info.has(view))
			throw Unavailable(std::string("the hypervisor's exit statistics lack "
						      "view ") +
					  name);

	const Regs vm = cpuid(leaf, selector(View::info, 1));
	// As userspace can make it, with an entry that is for every ECX.
	if (vm == id)
		throw Unavailable("no exit statistics here: the hypervisor has one answer in CPUID "
				  "leaf 0x4fffffff, whatever it is asked for");
	info.isa = Isa(vm.eax & 0xFF); // KVM_EXIT_STATS_ISA_MASK
	info.vcpus = vm.ebx;
	info.tsc_khz = vm.ecx;
	info.buckets = vm.edx;
	if (info.isa != Isa::vmx && info.isa != Isa::svm)
		throw Unavailable("the hypervisor counts the exits of an instruction set "
				  "unknown to this program (" +
				  std::to_string(vm.eax & 0xFF) + ")");
	info.generation = age_of(cpuid(leaf, selector(View::info, 2))).generation;
	return info;
}

/// Since the guest's boot, times when it was suspended included.
using Clock = std::function<std::chrono::nanoseconds()>;

inline std::chrono::nanoseconds boot_time()
{
	timespec now{};
	clock_gettime(CLOCK_BOOTTIME, &now);
	return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// Reads the leaf, and knows how many VM-Exits that has caused.
class Reader
{
public:
	/// Throws Unavailable.
	explicit Reader(Cpuid cpuid = native_cpuid, Clock clock = boot_time)
		: instruction(std::move(cpuid)), clock(std::move(clock)),
		  about(detect([this](std::uint32_t eax, std::uint32_t ecx) {
			  return counted(eax, ecx);
		  }))
	{
	}

	Reader(const Reader &) = delete;
	Reader &operator=(const Reader &) = delete;

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
	/// read() does, and std::runtime_error if it cannot move there.
	Snapshot read_cpu(int cpu, Details details = Details::none)
	{
		const Pin pin(cpu);
		Snapshot snapshot = read(Scope::vcpu, exits_of_cpu[cpu], details);
		pin.check();
		return snapshot;
	}

	/// Handling cycles of one of the reader's own VM-Exits, the mean of readings with such
	/// \p details, measured by two in a row; 0 if they do not tell, as VM-Exits are not being
	/// counted. Throws as read() does.
	std::uint64_t own_cycles_per_exit(Details details = Details::none)
	{
		const auto before = read(details), after = read(details);
		if (!before.counting || !after.counting || before.generation != after.generation)
			return 0;
		const ReasonCount *a = before.find(cpuid_reason(about.isa));
		const ReasonCount *b = after.find(cpuid_reason(about.isa));
		if (!a || !b || b->exits <= a->exits)
			throw BadAnswer("it does not count the CPUIDs that read it");
		return (b->cycles - a->cycles) / (b->exits - a->exits);
	}

	/// CPUIDs so far.
	std::uint64_t cpuids() const
	{
		return exits_of_vm;
	}

private:
	Cpuid instruction;
	Clock clock;
	std::uint64_t exits_of_vm = 0;
	std::map<int, std::uint64_t> exits_of_cpu{};
	Info about;

	Regs counted(std::uint32_t eax, std::uint32_t ecx)
	{
		exits_of_vm++;
		exits_of_cpu[sched_getcpu()]++;
		return instruction(eax, ecx);
	}

	/// A VM that moves in the midst of it is read again. No VM moves so often that it need be
	/// done a third time.
	Snapshot read(Scope scope, const std::uint64_t &own, Details details)
	{
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
				if (bad)
					throw *bad;
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
