// SPDX-License-Identifier: GPL-2.0
/// \file
/// exitstat as it would be in a VM: the whole program with a model of KVM beneath it. The file that
/// MODEL_COUNTS names has what else happens, a line "CODE EXITS CYCLES" each, and may grow
/// meanwhile; a line "off" or "on" there is the host switching the counting, and "anew" moves the
/// VM to another host, where all counters begin anew. MODEL_VIEWS are the views there are,
/// MODEL_RATE exits a second that come by themselves, MODEL_EMULATED makes the machine an emulator,
/// MODEL_LOSES one that loses updates. MODEL_GENERATION is that of the first host.
#include "cli/program.hpp"
#include "model/fake_kvm.hpp"

#include <cstdlib>
#include <fstream>

using namespace exitstat;

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

	std::uint64_t generation = environment("MODEL_GENERATION", kvm.generation);

	kvm.before = [&] {
		const std::chrono::duration<double> passed = boot_time() - start;
		kvm.vcpus = first.vcpus;
		kvm.away = first.away;
		kvm.hist = first.hist;
		kvm.counting = true;
		kvm.ticks = first.ticks + std::uint64_t(passed.count() * 1e3 * kvm.tsc_khz);
		kvm.generation = environment("MODEL_GENERATION", first.generation);
		const auto add = [&](std::uint16_t code, std::uint64_t exits, std::uint64_t each) {
			kvm.vcpus[0][code].exits += exits;
			kvm.vcpus[0][code].cycles += exits * each;
			kvm.away[code].cycles += exits * each;
			std::uint32_t bucket = 0;
			while (bucket < 31 && bucket_max(bucket) < each)
				bucket++;
			kvm.hist[code][bucket] += exits;
		};
		if (const char *path = std::getenv("MODEL_COUNTS")) {
			std::ifstream file(path);
			for (std::string word; file >> word;) {
				if (word == "on" || word == "off") {
					kvm.counting = word == "on";
				} else if (word == "anew") {
					kvm.generation++;
					kvm.ticks =
						std::uint64_t(passed.count() * 1e3 * kvm.tsc_khz);
					kvm.vcpus.assign(2, {});
					kvm.away.clear();
					kvm.hist.clear();
				} else if (std::uint64_t exits, cycles;
					   file >> exits >> cycles && kvm.counting) {
					add(std::uint16_t(std::stoul(word)), exits,
					    exits ? cycles / exits : 0);
				}
			}
		}
		// Each read is a VM-Exit.
		if (kvm.generation != generation)
			own = 0;
		generation = kvm.generation;
		own += kvm.counting && (!lossy || ++reads % 50);
		add(cpuid_reason(Isa(kvm.isa)), own, 1'200);
		const auto by_time = std::uint64_t(passed.count() * double(rate));
		add(30, by_time, 10'000);
		add(48, by_time / 3, 4'500);
	};
	return program(argc, argv, kvm.cpuid(), environment("MODEL_EMULATED", 0) ? 1 : 18);
}
