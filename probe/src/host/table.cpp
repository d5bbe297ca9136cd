// SPDX-License-Identifier: GPL-2.0
#include "host/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string_view>

#include <sys/stat.h>
#include <time.h>
#include <x86intrin.h>

namespace exitstat
{

namespace
{

std::chrono::nanoseconds now(clockid_t clock)
{
	timespec time{};
	clock_gettime(clock, &time);
	return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// When KVM made it.
std::chrono::nanoseconds creation(const HostVm &vm)
{
	struct stat status {
	};
	if (stat(vm.folder.c_str(), &status))
		throw Unavailable("the virtual machine " + vm.title() + " has ended");
	return std::chrono::seconds(status.st_mtim.tv_sec) +
	       std::chrono::nanoseconds(status.st_mtim.tv_nsec);
}

Regs pairs(std::uint64_t a, std::uint64_t b)
{
	return {std::uint32_t(a), std::uint32_t(b >> 32), std::uint32_t(b), std::uint32_t(a >> 32)};
}

class VmTable
{
public:
	VmTable(HostVm vm, std::uint32_t tsc_khz, const HostPaths &paths)
		: vm(std::move(vm)), paths(paths), tsc_khz(tsc_khz), age(age_of(this->vm)),
		  isa(exists(paths.modules / "kvm_intel") ? Isa::vmx : Isa::svm),
		  generation(std::uint64_t(creation(this->vm).count()))
	{
		read();
	}

	Regs answer(std::uint32_t ecx)
	{
		const View view = View(ecx >> 16 & 0xF);
		const std::uint32_t index = ecx >> 11 & 0x1F;
		const auto reason = std::uint16_t(ecx & 0x7FF);
		if (view == View::info)
			return about(index);
		if (index != std::uint32_t(Scope::vm))
			return error_answer;
		const auto at = reasons.find(reason);
		switch (view) {
		case View::total:
			return pairs(total.exits, total.cycles);
		case View::reason:
			return at == reasons.end() ? error_answer
						   : pairs(at->second.exits, at->second.cycles);
		case View::away:
			return at == reasons.end()
				       ? error_answer
				       : pairs(at->second.user_exits, at->second.away_cycles);
		case View::next: {
			const auto next = reasons.lower_bound(reason);
			return next == reasons.end() ? error_answer : Regs{next->first, 0, 0, 0};
		}
		default:
			return error_answer;
		}
	}

private:
	const HostVm vm;
	const HostPaths paths;
	const std::uint32_t tsc_khz;
	const Clock age;
	const Isa isa;
	const std::uint64_t generation;
	std::uint32_t vcpus = 0;
	bool counting = true;
	Count total{};
	std::map<std::uint16_t, ReasonCount> reasons{};

	/// View INFO. What changes is read here, once for all that is asked for after it.
	Regs about(std::uint32_t index)
	{
		const auto bit = [](View view) {
			return 1U << (16 + std::uint32_t(view));
		};
		switch (index) {
		case 0:
			return {bit(View::total) | bit(View::info) | bit(View::reason) |
					bit(View::away) | bit(View::next) | abi_version,
				EXIT_STATS_SIGNATURE_EBX, EXIT_STATS_SIGNATURE_ECX,
				EXIT_STATS_SIGNATURE_EDX};
		case 1:
			read();
			return {std::uint32_t(isa) | (counting ? counting_bit : 0), vcpus, tsc_khz,
				0};
		case 2: {
			// In two steps, as the product of all may not fit.
			const auto ms = std::uint64_t(age().count() / 1'000'000);
			return pairs(ms * tsc_khz, generation);
		}
		default:
			return error_answer;
		}
	}

	void read()
	{
		std::ifstream file(vm.folder / "exit_stats");
		std::string line;
		if (!std::getline(file, line))
			throw Unavailable("the virtual machine " + vm.title() + " has ended");
		const std::string_view head = "reason name exits cycles away_cycles user_exits";
		if (words(line) != head)
			throw BadAnswer(fmt::format("its table has the columns \"{}\", not \"{}\"",
						    words(line), head));
		reasons.clear();
		bool ended = false;
		while (std::getline(file, line))
			ended = take(line);
		if (!ended)
			throw BadAnswer("its table ends without a total");

		vcpus = 0;
		std::error_code error;
		for (const auto &entry : std::filesystem::directory_iterator(vm.folder, error))
			vcpus += entry.path().filename().string().starts_with("vcpu");
		std::string on;
		std::ifstream(paths.modules / "kvm/parameters/exit_stats") >> on;
		counting = on != "N";
	}

	static std::string words(const std::string &line)
	{
		std::istringstream in(line);
		std::string s;
		for (std::string word; in >> word;)
			s += (s.empty() ? "" : " ") + word;
		return s;
	}

	/// Whether it was the last line, that of the total.
	bool take(const std::string &line)
	{
		std::istringstream in(line);
		std::string code, name;
		ReasonCount count{};
		if (!(in >> code >> name >> count.exits >> count.cycles >> count.away_cycles >>
		      count.user_exits))
			throw BadAnswer("its table has the line \"" + words(line) + "\"");
		if (code == "-") {
			total = count;
			return true;
		}
		unsigned number = 0;
		const char *const end = code.data() + code.size();
		if (!code.starts_with("0x") ||
		    std::from_chars(code.data() + 2, end, number, 16) !=
			    std::from_chars_result{end, {}} ||
		    number > other_reason)
			throw BadAnswer("its table has the exit reason " + code);
		count.code = std::uint16_t(number);
		reasons.emplace(count.code, count);
		return false;
	}
};

} // namespace

Cpuid table_cpuid(const HostVm &vm, std::uint32_t tsc_khz, const HostPaths &paths)
{
	return [table = std::make_shared<VmTable>(vm, tsc_khz, paths)](std::uint32_t eax,
								       std::uint32_t ecx) {
		return eax == leaf ? table->answer(ecx) : Regs{};
	};
}

Clock age_of(const HostVm &vm)
{
	// The time of day may be set meanwhile.
	const auto began = now(CLOCK_BOOTTIME) - (now(CLOCK_REALTIME) - creation(vm));
	return [began] {
		return std::max(now(CLOCK_BOOTTIME) - began, std::chrono::nanoseconds(0));
	};
}

std::uint32_t measured_tsc_khz()
{
	const auto begin = now(CLOCK_MONOTONIC_RAW);
	const std::uint64_t ticks = __rdtsc();
	auto passed = begin - begin;
	while (passed < std::chrono::milliseconds(20))
		passed = now(CLOCK_MONOTONIC_RAW) - begin;
	return std::uint32_t((__rdtsc() - ticks) * 1'000'000 / std::uint64_t(passed.count()));
}

} // namespace exitstat
