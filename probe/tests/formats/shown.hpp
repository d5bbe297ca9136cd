// SPDX-License-Identifier: GPL-2.0
/// \file
/// Reports of models of KVM, and what is shown of them.
#pragma once

#include "commands/commands.hpp"
#include "model/fake_kvm.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include <sys/mman.h>
#include <unistd.h>

namespace exitstat
{

inline constexpr std::uint32_t hardware_tsc_step = 18;

enum class Raw { no, all, one };

struct Options {
	Format format = Format::table;
	Sort sort = Sort::exits;
	Raw raw = Raw::no;
	std::uint32_t raw_ecx = 0;
	std::vector<int> cpus{};
	Style style{};
	Detail detail{};
	Choice choice{};
};

/// What is written to a file descriptor meanwhile.
template <typename Write>
std::string written(const Write &write)
{
	const int fd = memfd_create("output", MFD_CLOEXEC);
	write(Output(fd));
	std::string text(std::size_t(lseek(fd, 0, SEEK_CUR)), '\0');
	EXPECT_EQ(pread(fd, text.data(), text.size(), 0), ssize_t(text.size()));
	close(fd);
	return text;
}

inline std::string run(FakeKvm &kvm, const Options &options,
		       std::uint32_t tsc_step = hardware_tsc_step)
{
	const std::string text = written([&](const Output &output) {
		const Display display{.format = options.format,
				      .sort = options.sort,
				      .output = output,
				      .style = options.style,
				      .detail = options.detail,
				      .choice = options.choice};
		if (options.raw != Raw::no) {
			show_raw(kvm.cpuid(),
				 options.raw == Raw::one ? std::optional(options.raw_ecx)
							 : std::nullopt,
				 options.cpus, display);
			return;
		}
		Reader reader(kvm.cpuid(), thousand_seconds);
		show({reader, emulated(kvm.cpuid(), tsc_step)}, options.cpus, display);
	});
	// Which is that of the machine that runs the test.
	return std::regex_replace(text, std::regex(", steal time [^\n]*"), "");
}

inline std::vector<std::string> lines(const std::string &text)
{
	std::vector<std::string> all;
	std::istringstream in(text);
	for (std::string line; std::getline(in, line);)
		all.push_back(line);
	return all;
}

inline Report report(FakeKvm kvm, Details details, bool emulated = false)
{
	Reader reader(kvm.cpuid(), thousand_seconds);
	Report r = Machine{reader, emulated}.report(reader.read(details), std::nullopt);
	sort(r.delta.reasons, r.info.isa, Sort::exits);
	return r;
}

inline Report interval(FakeKvm kvm, double seconds)
{
	Report r = report(kvm, Details::none);
	r.period = Period::interval;
	r.delta.time = std::chrono::nanoseconds(std::int64_t(seconds * 1e9));
	r.delta.own_exits = 11;
	return r;
}

} // namespace exitstat
