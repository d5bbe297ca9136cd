// SPDX-License-Identifier: GPL-2.0
/// \file
/// Sessions of recordings, and what is said of them.
#pragma once

#include "model/files.hpp"
#include "plot/plot.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include <sys/stat.h>

namespace exitstat
{

using namespace std::chrono_literals;

inline bool has(const std::string &text, const std::string &part)
{
	return text.find(part) != std::string::npos;
}

inline Session session_of(std::vector<Snapshot> samples = {})
{
	return {std::chrono::system_clock::time_point(1'763'720'000s),
		{1, 0b111111, Isa::vmx, 2, 2'000'000, 32},
		false,
		1000,
		{"make", "-j8", "it's_all"},
		std::move(samples)};
}

/// A second of a VM, seen twice.
inline Session one_second()
{
	Snapshot a{.time = 100s, .vcpus = 2, .reasons = {{{10, 100}, 10}, {{5, 5}, 48}}};
	Snapshot b{.time = 101s,
		   .vcpus = 2,
		   .reasons = {{{30, 20'100}, 10}, {{105, 400'005}, 48}},
		   .own_exits = 15};
	for (Snapshot *s : {&a, &b})
		for (ReasonCount &r : s->reasons)
			r.histogram.resize(32);
	// Of these 20 are 15 our own.
	b.reasons[0].histogram[10] = 16;
	b.reasons[0].histogram[13] = 4;
	b.reasons[1].histogram[12] = 75;
	b.reasons[1].histogram[13] = 25;
	return session_of({a, b});
}

/// \p n readings of a busy VM with so many reasons.
inline Session busy(int n, std::uint16_t reasons)
{
	Session session = session_of();
	Snapshot s{.time = 10s, .vcpus = 2};
	for (std::uint16_t code = 0; code < reasons; code++)
		s.reasons.push_back({{}, std::uint16_t(code + 40), 0, 0, Histogram(32)});
	for (int i = 0; i < n; i++) {
		session.samples.push_back(s);
		s.time += 100ms;
		for (ReasonCount &r : s.reasons) {
			const std::uint64_t exits = 1000U / (r.code - 39U) + 10U * unsigned(i % 7);
			r.exits += exits;
			r.cycles += exits * 3000;
			r.histogram[12] += exits;
		}
	}
	return session;
}

/// The lines of a block of data, in numbers.
inline std::vector<std::vector<double>> block(const std::string &script, const std::string &name)
{
	std::vector<std::vector<double>> lines;
	const std::size_t at = script.find("$" + name + " << EOD\n");
	EXPECT_NE(at, std::string::npos) << name;
	std::istringstream in(script.substr(script.find('\n', at) + 1));
	for (std::string line; std::getline(in, line) && line != "EOD";) {
		std::istringstream numbers(line);
		lines.emplace_back(std::istream_iterator<double>(numbers),
				   std::istream_iterator<double>());
	}
	return lines;
}

inline std::string svg(const Session &session)
{
	return plot_script(session, Picture::svg);
}

} // namespace exitstat
