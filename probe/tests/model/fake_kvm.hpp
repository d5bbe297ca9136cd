// SPDX-License-Identifier: GPL-2.0
/// \file
/// A model of what a guest sees of KVM in CPUID, after section "The leaf" of the contract.
#pragma once

#include "core/library.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace exitstat
{

inline View view_of(std::uint32_t ecx)
{
	return View(ecx >> 16 & 0xF);
}

struct FakeKvm {
	using Counts = std::map<std::uint16_t, Count>;

	bool patched = true;
	bool hypervisor_bit = true;
	std::string hypervisor = "KVMKVMKVM";
	std::string brand = "Model of a CPU";
	std::uint32_t abi = 1;
	std::uint32_t views = 0b100111; ///< all but AWAY and HIST
	std::uint32_t isa = std::uint32_t(Isa::vmx);
	std::uint32_t tsc_khz = 2445407;
	bool counting = true;
	/// Since the counters began: the 1,000 s of thousand_seconds().
	std::uint64_t ticks = 2'445'407'000'000;
	std::uint64_t generation = 0x9E3779B97F4A7C15;
	bool has_age = true; ///< whether there is an INFO 2
	std::vector<Counts> vcpus = std::vector<Counts>(1);
	std::uint32_t buckets = 32;
	/// What the VM has of a reason besides: exits to userspace and away cycles, and the buckets
	/// that are not empty.
	std::map<std::uint16_t, Count> away{};
	std::map<std::uint16_t, std::map<std::uint32_t, std::uint64_t>> hist{};
	/// What an unpatched KVM says to a leaf out of range: zeros, or the highest basic leaf.
	Regs out_of_range{};

	/// Handling cycles of a CPUID of the leaf, which then counts as the VM-Exit that it is; 0:
	/// it does not count.
	std::uint64_t count_own = 0;

	/// Which vCPU executes CPUID.
	std::function<std::size_t()> current = [] {
		return 0;
	};
	/// Runs before each CPUID of the leaf: counters that move, ...
	std::function<void()> before = [] {
	};
	/// Last word on an answer of the leaf: hypervisors that lie.
	std::function<void(std::uint32_t ecx, Regs &)> tamper = [](std::uint32_t, Regs &) {
	};
	/// The input ECX of all CPUIDs of the leaf so far.
	std::vector<std::uint32_t> asked{};

	Cpuid cpuid()
	{
		return [this](std::uint32_t eax, std::uint32_t ecx) {
			return answer(eax, ecx);
		};
	}

private:
	Regs answer(std::uint32_t eax, std::uint32_t ecx)
	{
		switch (eax) {
		case 1:
			return {0, 0, hypervisor_bit ? 1U << 31 : 0, 0};
		case 0x40000000:
			return hypervisor_bit ? chars(0x40000001, hypervisor) : out_of_range;
		case 0x80000000:
			return {0x80000008, 0, 0, 0};
		case 0x80000002:
		case 0x80000003:
		case 0x80000004: {
			std::array<char, 48> all{};
			brand.copy(all.data(), all.size());
			Regs r;
			std::memcpy(&r, all.data() + 16 * (eax - 0x80000002), sizeof(r));
			return r;
		}
		case leaf: {
			asked.push_back(ecx);
			before();
			const std::uint16_t own = cpuid_reason(Isa(isa));
			const bool counts = count_own && counting;
			if (counts)
				vcpus.at(current())[own].exits++;
			Regs r = patched ? read_leaf(ecx) : out_of_range;
			tamper(ecx, r);
			// They follow when it is over.
			if (counts) {
				vcpus.at(current())[own].cycles += count_own;
				hist[own][11]++;
			}
			return r;
		}
		default:
			return out_of_range;
		}
	}

	/// Whether exits of this code are counted under itself.
	bool in_range(std::uint16_t code) const
	{
		if (Isa(isa) == Isa::vmx)
			return code <= 0x7F;
		return code <= 0xAF || (code >= 0x400 && code <= 0x40F);
	}

	/// Whether there is something to say of a reason.
	bool is_reason(std::uint16_t code) const
	{
		return code == other_reason ||
		       (in_range(code) &&
			(!known_name(Isa(isa), code).empty() || counts(0).contains(code)));
	}

	Regs read_leaf(std::uint32_t ecx) const
	{
		if (ecx >> 20 != 0xE57)
			return pairs(sum(counts(0)));
		const View view = view_of(ecx);
		const std::uint32_t index = ecx >> 11 & 0x1F;
		const auto reason = std::uint16_t(ecx & 0x7FF);

		if (!(views >> (ecx >> 16 & 0xF) & 1))
			return error_answer;
		if (view == View::info) {
			if (index == 0)
				return chars(views << 16 | abi, std::string(signature));
			if (index == 1)
				return {isa | (counting ? 1U << 8 : 0), std::uint32_t(vcpus.size()),
					tsc_khz, buckets};
			if (index == 2 && has_age)
				return pairs({ticks, generation});
			return error_answer;
		}
		if ((view == View::reason || view == View::away || view == View::hist) &&
		    !is_reason(reason))
			return error_answer;
		if (view == View::hist) {
			const auto bucket = [&](std::uint32_t i) {
				const auto at = hist.find(reason);
				return at != hist.end() && at->second.contains(i) ? at->second.at(i)
										  : 0;
			};
			return index < buckets / 2
				       ? pairs({bucket(2 * index), bucket(2 * index + 1)})
				       : error_answer;
		}
		if (index > 1)
			return error_answer;
		const Counts now = counts(index);
		if (view == View::away) {
			// At least as long as the handling.
			Count c = away.contains(reason) ? away.at(reason) : Count{};
			if (count_own && now.contains(reason))
				c.cycles = std::max(c.cycles, now.at(reason).cycles);
			return pairs(c);
		}
		switch (view) {
		case View::total:
			return pairs(sum(now));
		case View::reason:
			return now.contains(reason) ? pairs(now.at(reason)) : Regs{};
		case View::next: {
			auto next = now.lower_bound(reason);
			while (next != now.end() && !next->second.exits)
				++next;
			return next == now.end() ? error_answer : Regs{next->first, 0, 0, 0};
		}
		default:
			return {};
		}
	}

	Counts counts(std::uint32_t scope) const
	{
		Counts all;
		for (std::size_t i = 0; i < vcpus.size(); i++) {
			if (scope == std::uint32_t(Scope::vcpu) && i != current())
				continue;
			for (const auto &[code, count] : vcpus[i]) {
				Count &c = all[in_range(code) ? code : other_reason];
				c.exits += count.exits;
				c.cycles += count.cycles;
			}
		}
		return all;
	}

	static Count sum(const Counts &counts)
	{
		Count total{};
		for (const auto &[code, count] : counts) {
			total.exits += count.exits;
			total.cycles += count.cycles;
		}
		return total;
	}

	static Regs pairs(const Count &c)
	{
		return {std::uint32_t(c.exits), std::uint32_t(c.cycles >> 32),
			std::uint32_t(c.cycles), std::uint32_t(c.exits >> 32)};
	}

	/// EAX, and text in EBX, ECX, EDX.
	static Regs chars(std::uint32_t eax, const std::string &s)
	{
		std::array<char, 12> text{};
		s.copy(text.data(), text.size());
		Regs r{eax, 0, 0, 0};
		std::memcpy(&r.ebx, text.data(), text.size());
		return r;
	}
};

/// The guest's kernel has run for 1,000 s.
inline std::chrono::nanoseconds thousand_seconds()
{
	return std::chrono::seconds(1000);
}

inline Snapshot read_vm(FakeKvm &kvm, Details details = Details::none)
{
	return Reader(kvm.cpuid(), thousand_seconds).read(details);
}

/// A VMX guest with two vCPUs, after a boot.
inline FakeKvm booted_vmx()
{
	FakeKvm kvm;
	kvm.vcpus = {{{10, {300, 360'000}}, {30, {12'345, 123'456'789}}, {48, {2'000, 9'000'001}}},
		     {{10, {100, 120'000}}, {12, {50, 1'000'000'000}}}};
	return kvm;
}

/// The same with time away and histograms.
inline FakeKvm detailed_vmx()
{
	FakeKvm kvm = booted_vmx();
	kvm.views = 0b111111;
	kvm.away = {{10, {0, 480'000}},
		    {12, {0, 90'000'000'000}},
		    {30, {2'345, 223'456'789}},
		    {48, {0, 9'000'001}}};
	kvm.hist = {{10, {{10, 398}, {13, 2}}},
		    {12, {{0, 1}, {31, 49}}},
		    {30, {{12, 6'000}, {14, 6'200}, {17, 145}}},
		    {48, {{13, 2'000}}}};
	return kvm;
}

/// An SVM guest that has seen a named exception, one without a name, and "other".
inline FakeKvm booted_svm()
{
	FakeKvm kvm;
	kvm.isa = std::uint32_t(Isa::svm);
	kvm.vcpus = {{{0x4E, {5, 500}},
		      {0x49, {1, 7}},
		      {0x72, {40, 48'000}},
		      {0x400, {900, 4'500'000}},
		      {other_reason, {2, 20}}}};
	return kvm;
}

} // namespace exitstat
