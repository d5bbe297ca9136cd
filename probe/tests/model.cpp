// SPDX-License-Identifier: GPL-2.0
/// \file
/// exitstat as it would be in a VM: the whole program with a model of KVM beneath it. The file that
/// MODEL_COUNTS names has what else happens, a line "CODE EXITS CYCLES" each, and may grow
/// meanwhile. MODEL_VIEWS are the views there are, MODEL_RATE exits a second that come by
/// themselves, MODEL_EMULATED makes the machine an emulator, MODEL_LOSES one that loses updates.
#include "fake_kvm.hpp"
#include "program.hpp"

#include <cstdlib>
#include <fstream>

using namespace exit_stats;

namespace
{

unsigned long environment(const char *name, unsigned long otherwise)
{
	const char *text = std::getenv(name);
	return text ? std::strtoul(text, nullptr, 0) : otherwise;
}

} // namespace

int main(int argc, char **argv)
{
	FakeKvm kvm = detailed_vmx();
	kvm.views = std::uint32_t(environment("MODEL_VIEWS", 0b111111));
	const FakeKvm first = kvm;
	const unsigned long rate = environment("MODEL_RATE", 0);
	const auto start = boot_time();
	const bool lossy = environment("MODEL_LOSES", 0);
	std::uint64_t own = 0, reads = 0;

	kvm.before = [&] {
		kvm.vcpus = first.vcpus;
		kvm.away = first.away;
		kvm.hist = first.hist;
		const auto add = [&](std::uint16_t code, std::uint64_t exits, std::uint64_t each) {
			kvm.vcpus[0][code].exits += exits;
			kvm.vcpus[0][code].cycles += exits * each;
			kvm.away[code].cycles += exits * each;
			std::uint32_t bucket = 0;
			while (bucket < 31 && bucket_max(bucket) < each)
				bucket++;
			kvm.hist[code][bucket] += exits;
		};
		// Each read is a VM-Exit.
		own += !lossy || ++reads % 50;
		add(cpuid_reason(Isa(kvm.isa)), own, 1'200);
		if (const char *path = std::getenv("MODEL_COUNTS")) {
			std::ifstream file(path);
			for (std::uint64_t code, exits, cycles; file >> code >> exits >> cycles;)
				add(std::uint16_t(code), exits, exits ? cycles / exits : 0);
		}
		const std::chrono::duration<double> passed = boot_time() - start;
		const auto by_time = std::uint64_t(passed.count() * double(rate));
		add(30, by_time, 10'000);
		add(48, by_time / 3, 4'500);
	};
	kvm.tamper = [](std::uint32_t ecx, Regs &r) {
		if (const auto view = View(ecx >> 24); view != View::reason && view != View::away)
			return;
		if (known_name(Isa::vmx, std::uint16_t(ecx)).empty())
			r = error_answer;
	};
	return program(argc, argv, kvm.cpuid(), environment("MODEL_EMULATED", 0) ? 1 : 18);
}
