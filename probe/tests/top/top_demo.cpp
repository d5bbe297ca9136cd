// SPDX-License-Identifier: GPL-2.0
/// \file
/// `exitstat top` on a model of KVM whose counters move with the time, for tests in a terminal.
///
///     top_demo [svm] [emulated] [many] [vcpus] [bad] [offline] [off] [anew]
///
/// many: more reasons than a screen has lines; vcpus: begin with the view of each vCPU; bad: after
/// a second, the leaf contradicts itself. While there is a file of this name: offline: the second
/// vCPU is; off: the host does not count; anew: the VM is on another host.
#include "model/fake_kvm.hpp"
#include "top/top.hpp"

#include <cmath>
#include <cstdio>
#include <exception>
#include <set>
#include <string>

#include <unistd.h>

using namespace exitstat;

namespace
{

/// A reason's VM-Exits a second on the first vCPU, cycles of each, and how much the rate swings.
/// The second vCPU has half of them.
struct Load {
	std::uint16_t code;
	double rate, cost, swing;
	double from = 0; ///< seconds after the start
};

constexpr Load vmx[] = {
	{32, 9'100, 1'250, 0.9}, {48, 3'200, 2'900, 1.0}, {30, 1'400, 11'000, 0.8},
	{12, 480, 21'000, 0.7},	 {1, 260, 2'100, 0.1},	  {52, 130, 1'600, 0.9},
	{10, 64, 1'180, 0},	 {49, 35, 3'700, 0.9},	  {31, 12, 980, 0},
	{40, 30, 2'050, 0.5, 3},
};

constexpr Load svm[] = {
	{0x7C, 9'100, 2'250, 0.9}, {0x400, 3'200, 4'900, 1.0}, {0x7B, 1'400, 11'000, 0.8},
	{0x78, 480, 21'000, 0.7},  {0x60, 260, 2'100, 0.1},    {0x72, 64, 1'180, 0},
};

/// What has been counted \p t seconds after the start, but for the VM-Exits of the reading.
void count(FakeKvm &kvm, const std::vector<Load> &loads, double t)
{
	for (auto &vcpu : kvm.vcpus)
		vcpu.clear();
	kvm.hist.clear();
	for (const auto &[code, rate, cost, swing, from] : loads) {
		if (t < from)
			continue;
		// The integral of a rate that swings.
		const double n = rate * (t - from + swing * (1 - std::cos(t / 2 + code)));
		for (std::size_t vcpu = 0; vcpu < kvm.vcpus.size(); vcpu++) {
			const auto exits = std::uint64_t(n) >> vcpu;
			kvm.vcpus[vcpu][code] = {exits, exits * std::uint64_t(cost)};
			// One of twenty takes much longer.
			const auto bucket = std::uint32_t(std::log2(cost)) + 1;
			kvm.hist[code][bucket] += exits - exits / 20;
			kvm.hist[code][bucket + 3] += exits / 20;
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	const std::set<std::string> words(argv + 1, argv + argc);
	FakeKvm kvm;
	kvm.views = 0b111111;
	kvm.vcpus.resize(2);
	kvm.current = [] {
		return std::size_t(sched_getcpu()) % 2;
	};
	std::vector<Load> loads(std::begin(vmx), std::end(vmx));
	if (words.contains("svm")) {
		kvm.isa = std::uint32_t(Isa::svm);
		loads.assign(std::begin(svm), std::end(svm));
	}
	const auto isa = Isa(kvm.isa);
	if (words.contains("many"))
		for (std::uint16_t code = 50; code < 70; code++)
			loads.push_back({code, 20.0 + code, 1'000.0 + 10 * code, 0});

	const auto start = boot_time();
	std::vector<Count> own(2); ///< VM-Exits of the reading
	bool late = false;
	double counted = 0, moved = 0; ///< seconds after the start
	kvm.before = [&] {
		const double t = std::chrono::duration<double>(boot_time() - start).count();
		// To sum up histograms takes longer than all else.
		const bool hist = view_of(kvm.asked.back()) == View::hist;
		kvm.asked.clear();
		const auto is = [&](const char *word) {
			return words.contains(word) && !access(word, F_OK);
		};
		kvm.counting = !is("off");
		if (kvm.counting)
			counted = t;
		if (is("anew") && !moved) {
			moved = t;
			own.assign(2, {});
			kvm.generation++;
		}
		count(kvm, loads, counted - moved);
		if (kvm.counting) {
			own[kvm.current()].exits++;
			own[kvm.current()].cycles += hist ? 6'000 : 1'200;
		}
		for (std::size_t vcpu = 0; vcpu < 2; vcpu++) {
			Count &cpuid = kvm.vcpus[vcpu][cpuid_reason(isa)];
			cpuid.exits += own[vcpu].exits;
			cpuid.cycles += own[vcpu].cycles;
		}
		kvm.away.clear();
		for (const auto &vcpu : kvm.vcpus)
			for (const auto &[code, n] : vcpu) {
				Count &away = kvm.away[code];
				const bool device = code == (isa == Isa::vmx ? 30 : 0x7B);
				away.exits += device ? n.exits / 2 : 0;
				away.cycles += n.cycles + (device ? n.exits * 12'000 : 0) +
					       (is_idle(isa, code) ? n.exits * 3'000'000 : 0);
			}
		late = t > 1;
	};
	kvm.tamper = [&](std::uint32_t ecx, Regs &r) {
		if (words.contains("bad") && late && view_of(ecx) == View::total)
			r = {};
		// What Reader::read_cpu() says of it.
		if (words.contains("offline") && kvm.current() == 1 &&
		    ecx == selector(View::total, Scope::vcpu) && !access("offline", F_OK))
			throw std::runtime_error("CPU 1 went away during the reading");
	};

	try {
		Reader reader(kvm.cpuid());
		return top(reader, {.cpus = words.contains("vcpus") ? std::vector{0, 1}
								    : std::vector<int>(),
				    .emulated = words.contains("emulated")});
	} catch (const std::exception &e) {
		std::fprintf(stderr, "top_demo: %s\n", e.what());
		return 1;
	}
}
