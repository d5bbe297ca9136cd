// SPDX-License-Identifier: GPL-2.0
/// \file
/// Read the VM-Exits of the virtual machine that the caller runs in, from CPUID leaf 0x4FFFFFFF.
///
/// Header-only, C++20, Linux on x86-64; needs nothing but the kernel's uapi headers <asm/vmx.h> and
/// <asm/svm.h> (Debian: linux-libc-dev), which have the names of the exit reasons. No privilege is
/// needed: CPUID works in ring 3.
///
///     exit_stats::Reader reader; // throws Unavailable where there is no such leaf
///     const auto before = reader.read();
///     work();
///     const auto delta = exit_stats::difference(reader.read(), before);
///     for (const auto &reason : delta.reasons)
///         std::cout << exit_stats::reason_name(reader.info().isa, reason.code) << ": "
///                   << reason.exits << " VM-Exits, " << reason.cycles << " cycles\n";
///
/// The leaf is specified in Documentation/virt/kvm/x86/exit-stats.rst of the patched kernel, and
/// its constants are those of <asm/kvm_exit_stats.h> there, given here as well, so that programs
/// build with the headers of any kernel. Counts are 64-bit, begin at 0 with the VM, are never reset
/// and do not go backwards. They begin anew where a VM is restored or migrated, of another
/// generation then; and they stand still while the host does not count: see Snapshot::generation
/// and Snapshot::counting. Cycles are ticks of the host's TSC (Intel SDM volume 3, "Time-Stamp
/// Counter"; AMD APM volume 2, "Time-Stamp Counter"), which only Info::tsc_khz makes time, and
/// nothing does in an emulator: see emulated().
#pragma once

#include <asm/kvm.h> // the exception vectors in SVM_EXIT_REASONS
#include <asm/svm.h>
#include <asm/vmx.h>

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace exit_stats
{

// ---- The leaf, ABI version 1 -------------------------------------------------------------------

/// What CPUID returns, in the order of the instruction's operands.
struct Regs {
	std::uint32_t eax, ebx, ecx, edx;
	bool operator==(const Regs &) const = default;
};

/// KVM_CPUID_EXIT_STATS. One of the leaves from 0x40000000 up, which no CPU has: Intel SDM volume
/// 2, "CPUID"; AMD APM volume 3, "CPUID".
inline constexpr std::uint32_t leaf = 0x4FFFFFFF;
inline constexpr std::uint32_t abi_version = 1; ///< KVM_EXIT_STATS_ABI_VERSION

/// KVM_EXIT_STATS_MAGIC, in bits 31:20 of the input ECX. Any other value there asks for TOTAL of
/// the VM, whatever the other bits are: programs that leave ECX to chance read that.
inline constexpr std::uint32_t magic_number = 0xE57;

/// EBX, ECX, EDX of view INFO, index 0 (KVM_EXIT_STATS_SIGNATURE_EBX, _ECX, _EDX). Nothing else
/// proves that the leaf exists: hardware and an unpatched KVM answer it with zeros (AMD) or with
/// the highest basic leaf (Intel).
inline constexpr std::string_view signature = "KVMExitStats";
static_assert(signature.size() == 3 * sizeof(std::uint32_t));

/// KVM_EXIT_STATS_VIEW_*, in bits 19:16 of the input ECX. Bit 16+n of EAX of INFO 0 says that view
/// n exists.
enum class View : std::uint8_t {
	total = 0,  ///< index: scope. A: exits, all reasons. B: handling cycles, all reasons.
	info = 1,   ///< index 0: ABI version, views, signature. 1: EAX: ISA, counting or not;
		    ///< EBX: vCPUs; ECX: TSC kHz; EDX: buckets. 2: A: age; B: generation.
	reason = 2, ///< index: scope. A: exits for the reason. B: handling cycles for it.
	away = 3,   ///< index: scope. A: exits that went to userspace. B: away cycles.
	hist = 4,   ///< index n: A and B: buckets 2n and 2n+1 of the reason's cycles.
	next = 5,   ///< index: scope. EAX: smallest reason >= the given one that was seen.
};

/// KVM_EXIT_STATS_SCOPE_*, in bits 15:11 of the input ECX, where the views that have no scope have
/// another index.
enum class Scope : std::uint8_t {
	vm = 0,	  ///< the sum over all vCPUs
	vcpu = 1, ///< the vCPU that executes CPUID
};

/// KVM_EXIT_STATS_ISA_*, in bits 7:0 of EAX of INFO 1: whose exit reasons the reasons are.
enum class Isa : std::uint32_t {
	vmx = 1, ///< basic exit reason; Intel SDM volume 3, appendix "VMX Basic Exit Reasons"
	svm = 2, ///< EXITCODE; AMD APM volume 2, appendix "SVM Intercept Exit Codes"
};

/// KVM_EXIT_STATS_COUNTING, in EAX of INFO 1: VM-Exits are being counted. The host can switch that
/// off and on while the guest runs.
inline constexpr std::uint32_t counting_bit = 1U << 8;

/// Whether exits with this code are counted under it, be it one with a name or not.
constexpr bool is_counted(Isa isa, std::uint16_t code)
{
	if (isa == Isa::vmx)
		return code <= 0x7F;
	return code <= 0xAF || (code >= 0x400 && code <= 0x40F);
}

/// KVM_EXIT_STATS_REASON_OTHER, the largest that there can be: all exits with another code.
inline constexpr std::uint16_t other_reason = 0x7FF;

/// EDX is KVM_EXIT_STATS_ERROR: the answer to an undefined view, scope or index, to a reason
/// outside the ISA's ranges or one without a name that never happened, and to NEXT with nothing
/// left. (A reason that has a name and never happened answers four zeros.)
inline constexpr Regs error_answer{0, 0, 0, 0xFFFFFFFF};

/// The input ECX, by KVM_EXIT_STATS_MAGIC_SHIFT, _VIEW_SHIFT, _INDEX_SHIFT and the masks there.
constexpr std::uint32_t selector(View view, std::uint8_t index, std::uint16_t reason = 0)
{
	return magic_number << 20 | (std::uint32_t(view) & 0xF) << 16 | (index & 0x1FU) << 11 |
	       (reason & 0x7FFU);
}

constexpr std::uint32_t selector(View view, Scope scope, std::uint16_t reason = 0)
{
	return selector(view, std::uint8_t(scope), reason);
}

/// A count. EDX was 0 in the leaf's first design, so it is the high half.
constexpr std::uint64_t pair_a(const Regs &r)
{
	return std::uint64_t(r.edx) << 32 | r.eax;
}

/// Host TSC ticks.
constexpr std::uint64_t pair_b(const Regs &r)
{
	return std::uint64_t(r.ebx) << 32 | r.ecx;
}

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

// ---- Names of exit reasons ---------------------------------------------------------------------

/// One line of VMX_EXIT_REASONS or SVM_EXIT_REASONS, the uapi headers' own tables: none is typed
/// here. Codes over 0x7FF and below 0 are KVM's own (VMGEXIT events, invalid state) and never a
/// reason of the leaf.
struct ReasonName {
	std::int64_t code;
	std::string_view name;

	/// The headers' types differ; -1 is a long without a sign in newer ones.
	constexpr ReasonName(std::integral auto value, std::string_view text)
		: code(static_cast<std::int64_t>(value)), name(text)
	{
	}
};

inline constexpr ReasonName vmx_reason_names[] = {VMX_EXIT_REASONS};
inline constexpr ReasonName svm_reason_names[] = {SVM_EXIT_REASONS};

constexpr std::span<const ReasonName> reason_names(Isa isa)
{
	if (isa == Isa::vmx)
		return vmx_reason_names;
	return svm_reason_names;
}

/// The kernel's name, "other" for 0x7FF, empty if there is none.
constexpr std::string_view known_name(Isa isa, std::uint16_t code)
{
	if (code == other_reason)
		return "other";
	for (const ReasonName &reason : reason_names(isa))
		if (reason.code == code)
			return reason.name;
	return {};
}

// Tables only grow. Sizes of Linux 6.1, and one value of each region of the codes.
static_assert(std::size(vmx_reason_names) >= 62 && std::size(svm_reason_names) >= 108);
static_assert(known_name(Isa::vmx, 0) == "EXCEPTION_NMI");
static_assert(known_name(Isa::vmx, 10) == "CPUID");
static_assert(known_name(Isa::vmx, 48) == "EPT_VIOLATION");
static_assert(known_name(Isa::vmx, 75) == "NOTIFY");
static_assert(known_name(Isa::svm, 0x4E) == "PF excp");
static_assert(known_name(Isa::svm, 0x72) == "cpuid");
static_assert(known_name(Isa::svm, 0x400) == "npf");
static_assert(known_name(Isa::svm, 0x49).empty());

/// The kernel's name, or "reason 0x47" for a code that the headers of this build do not name.
inline std::string reason_name(Isa isa, std::uint16_t code)
{
	if (const std::string_view name = known_name(isa, code); !name.empty())
		return std::string(name);
	static constexpr char digits[] = "0123456789abcdef";
	std::string hex;
	for (unsigned rest = code; rest || hex.empty(); rest >>= 4)
		hex.insert(hex.begin(), digits[rest & 0xF]);
	return "reason 0x" + hex;
}

/// The exit reason of CPUID, which is what reading the leaf causes.
constexpr std::uint16_t cpuid_reason(Isa isa)
{
	return isa == Isa::vmx ? EXIT_REASON_CPUID : SVM_EXIT_CPUID;
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

// ---- Snapshots ---------------------------------------------------------------------------------

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

/// View INFO, but for what moves.
struct Info {
	std::uint32_t abi_version;
	std::uint32_t views; ///< bit n: view n exists
	Isa isa;
	std::uint32_t vcpus;
	std::uint32_t tsc_khz;	    ///< the host's; 0 if unknown
	std::uint32_t buckets;	    ///< of a histogram
	std::uint64_t generation{}; ///< drawn when the counters began; 0 if the leaf does not tell

	bool has(View view) const
	{
		return views >> std::uint32_t(view) & 1;
	}
};

struct Count {
	std::uint64_t exits = 0;
	std::uint64_t cycles = 0; ///< handling cycles, in host TSC ticks

	bool operator==(const Count &) const = default;
};

/// VM-Exits by handling cycles: bucket 0 has those of 0 cycles, bucket i those from bucket_min(i)
/// to bucket_max(i), the last one also all above. At most 64 buckets.
using Histogram = std::vector<std::uint64_t>;

constexpr std::uint64_t bucket_min(std::size_t i)
{
	return i ? std::uint64_t(1) << (i - 1) : 0;
}

constexpr std::uint64_t bucket_max(std::size_t i)
{
	return (std::uint64_t(1) << i) - 1;
}

/// The bucket with the smallest value that is not below a share of \p percent (1..100) of all
/// values; none if there are no values.
inline std::optional<std::size_t> percentile(const Histogram &histogram, unsigned percent)
{
	// 128 bits, as a hypervisor may answer anything.
	unsigned __int128 all = 0, seen = 0;
	for (const std::uint64_t n : histogram)
		all += n;
	for (std::size_t i = 0; i < histogram.size(); i++) {
		seen += histogram[i];
		if (seen && seen * 100 >= all * percent)
			return i;
	}
	return std::nullopt;
}

struct ReasonCount : Count {
	std::uint16_t code = 0;
	std::uint64_t user_exits = 0;  ///< of the exits, those that went to userspace
	std::uint64_t away_cycles = 0; ///< cycles, and those in userspace, blocked, scheduled out
	Histogram histogram{};	       ///< empty if it was not read

	bool operator==(const ReasonCount &) const = default;
};

/// All counters of a scope, or the difference between two readings of them.
struct Snapshot {
	/// Since the guest's boot (CLOCK_BOOTTIME); in a difference, the time between the readings.
	std::chrono::nanoseconds time{};
	std::uint32_t vcpus = 0;
	/// Never below the sum over reasons, and equal to it in a difference.
	Count total{};
	std::vector<ReasonCount> reasons{}; ///< those that were seen, by code
	/// Of the exits for CPUID, those that the Reader has caused itself.
	std::uint64_t own_exits = 0;
	/// Ticks of the host's TSC from the beginning of the counters to the reading, in a
	/// difference to the later one; 0 if the leaf does not tell. See time_since_start().
	std::uint64_t ticks = 0;
	/// Counters of two generations have nothing to do with each other.
	std::uint64_t generation = 0;
	/// Whether VM-Exits are being counted. Where not, no exits means nothing.
	bool counting = true;

	/// The count of a reason; null if it was not seen.
	const ReasonCount *find(std::uint16_t code) const
	{
		const auto at = std::ranges::lower_bound(reasons, code, {}, &ReasonCount::code);
		return at != reasons.end() && at->code == code ? &*at : nullptr;
	}
};

/// How long the counters have been counting, the denominator for all of them: the guest may have
/// booted since, and its own TSC may be another. 0 if the leaf does not tell.
inline std::chrono::nanoseconds time_since_start(const Info &info, const Snapshot &snapshot)
{
	if (!info.tsc_khz)
		return {};
	return std::chrono::nanoseconds(
		std::int64_t(std::min(double(snapshot.ticks) * 1e6 / info.tsc_khz, 9.2e18)));
}

/// Whether time away and histograms are read as well, where the leaf has them: 1 and 16 CPUIDs a
/// reason more.
enum class Details { none, all };

/// Whether there are histograms of a shape that this code knows. Only the whole VM has any.
inline bool has_histograms(const Info &info, Scope scope)
{
	return scope == Scope::vm && info.has(View::hist) && info.buckets >= 2 &&
	       info.buckets <= 64 && info.buckets % 2 == 0;
}

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

/// How far a counter went from \p earlier to \p later, also over 2^64. A counter that went back,
/// for a leaf that tells no generation, has counted from 0.
constexpr std::uint64_t advance(std::uint64_t later, std::uint64_t earlier)
{
	const std::uint64_t steps = later - earlier;
	return steps >> 63 ? later : steps;
}

/// Two readings that have nothing to do with each other.
struct OtherGeneration : std::runtime_error {
	OtherGeneration()
		: std::runtime_error("the counters began anew, as the VM was restored or migrated")
	{
	}
};

/// What happened between two readings of the same scope. Only reasons that had VM-Exits remain. The
/// total is their sum: exits counted while \p later was being read belong to the next difference.
/// Throws OtherGeneration.
inline Snapshot difference(const Snapshot &later, const Snapshot &earlier)
{
	if (later.generation != earlier.generation)
		throw OtherGeneration();
	static const ReasonCount none{};
	Snapshot delta{};
	delta.ticks = later.ticks;
	delta.generation = later.generation;
	delta.counting = later.counting && earlier.counting;
	delta.time = later.time - earlier.time;
	delta.vcpus = later.vcpus;
	delta.own_exits = advance(later.own_exits, earlier.own_exits);
	for (const ReasonCount &now : later.reasons) {
		const ReasonCount *found = earlier.find(now.code);
		const ReasonCount &then = found ? *found : none;
		ReasonCount r{{advance(now.exits, then.exits), advance(now.cycles, then.cycles)},
			      now.code,
			      advance(now.user_exits, then.user_exits),
			      advance(now.away_cycles, then.away_cycles),
			      now.histogram};
		for (std::size_t i = 0; i < r.histogram.size() && i < then.histogram.size(); i++)
			r.histogram[i] = advance(r.histogram[i], then.histogram[i]);
		if (!r.exits && !r.cycles)
			continue;
		// Details come of two readings that have them. Time away was read a moment later
		// than the cycles, hence is not of quite the same exits.
		if (found && then.histogram.empty())
			r.histogram.clear();
		if (!now.away_cycles || (found && then.cycles && !then.away_cycles))
			r.away_cycles = r.user_exits = 0;
		else
			r.away_cycles = std::max(r.away_cycles, r.cycles);
		delta.total.exits += r.exits;
		delta.total.cycles += r.cycles;
		delta.reasons.push_back(std::move(r));
	}
	return delta;
}

/// A difference without the VM-Exits of its own reading, at a price each of
/// Reader::own_cycles_per_exit(); if that is not known, 0, at the mean of all for CPUID. Of the
/// histogram go those nearest to that price. What remains in own_exits has been left out.
inline Snapshot without_own(Snapshot delta, Isa isa, std::uint64_t cycles_per_exit)
{
	const auto at =
		std::ranges::lower_bound(delta.reasons, cpuid_reason(isa), {}, &ReasonCount::code);
	if (at == delta.reasons.end() || at->code != cpuid_reason(isa)) {
		delta.own_exits = 0;
		return delta;
	}

	const std::uint64_t exits = delta.own_exits = std::min(delta.own_exits, at->exits);
	if (!cycles_per_exit && at->exits)
		cycles_per_exit = at->cycles / at->exits;
	// What is left keeps its cycles, and what is not there has none.
	const std::uint64_t cycles =
		exits == at->exits ? at->cycles : std::min(exits * cycles_per_exit, at->cycles);
	at->exits -= exits;
	at->cycles -= cycles;
	at->away_cycles -= std::min(cycles, at->away_cycles);
	delta.total.exits -= exits;
	delta.total.cycles -= cycles;

	std::uint64_t all = 0;
	for (const std::uint64_t n : at->histogram)
		all += n;
	// Down to as many as were counted: the buckets were read a moment later.
	std::uint64_t surplus = all > at->exits ? all - at->exits : 0;
	std::size_t nearest = 0;
	while (nearest + 1 < at->histogram.size() && bucket_max(nearest) < cycles_per_exit)
		nearest++;
	for (std::size_t step = 0; surplus && step < 2 * at->histogram.size(); step++) {
		// nearest, one below, one above, two below, ...
		const std::size_t distance = (step + 1) / 2;
		const std::size_t i = step % 2 ? nearest - distance : nearest + distance;
		if (i >= at->histogram.size())
			continue;
		const std::uint64_t n = std::min(surplus, at->histogram[i]);
		at->histogram[i] -= n;
		surplus -= n;
	}
	if (!at->exits && !at->cycles)
		delta.reasons.erase(at);
	return delta;
}

} // namespace exit_stats
