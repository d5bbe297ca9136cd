// SPDX-License-Identifier: GPL-2.0
/// \file
/// Readings for the tests of the live view, and its frames as text.
#pragma once

#include "top/frame.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace exitstat
{

using namespace std::chrono_literals;

inline constexpr std::uint64_t own_cost = 1'000;

struct Seen {
	std::uint16_t code;
	Count count;
	Histogram histogram{};
};

inline Snapshot snapshot(std::chrono::nanoseconds time, std::vector<Seen> seen,
			 std::uint64_t own_exits = 0)
{
	Snapshot s{};
	s.time = time;
	s.vcpus = 2;
	s.ticks = std::uint64_t(2 * time.count()); // at 2 GHz
	s.own_exits = own_exits;
	for (auto &[code, count, histogram] : seen) {
		s.reasons.push_back({count, code, 0, 3 * count.cycles, std::move(histogram)});
		s.total.exits += count.exits;
		s.total.cycles += count.cycles;
	}
	return s;
}

inline std::vector<TopReading> vm(Snapshot s)
{
	return {{std::nullopt, std::move(s)}};
}

inline std::vector<std::string> names(const TopModel &model)
{
	std::vector<std::string> all;
	for (const TopRow &row : model.rows())
		all.push_back((row.cpu ? std::to_string(*row.cpu) + " " : "") + row.name);
	return all;
}

using Names = std::vector<std::string>;

inline std::vector<std::string> text(const TopFrame &frame)
{
	std::vector<std::string> lines;
	for (const TopLine &line : frame.lines) {
		std::string s;
		for (const TopPiece &piece : line)
			s += piece.text;
		lines.push_back(s.substr(0, s.find_last_not_of(' ') + 1));
	}
	return lines;
}

inline std::string page(const TopFrame &frame)
{
	std::string s = "\n";
	for (const std::string &line : text(frame))
		s += line + "\n";
	return s;
}

inline std::size_t columns(const std::string &s)
{
	return std::size_t(std::ranges::count_if(s, [](char c) { return (c & 0xC0) != 0x80; }));
}

inline constexpr Info vmx{.abi_version = 1,
			  .views = 0b111111,
			  .isa = Isa::vmx,
			  .vcpus = 2,
			  .tsc_khz = 2'000'000,
			  .buckets = 32};

inline Info svm()
{
	Info info = vmx;
	info.isa = Isa::svm;
	return info;
}

inline Histogram histogram(std::initializer_list<std::pair<std::size_t, std::uint64_t>> buckets)
{
	Histogram h(32);
	for (const auto &[i, n] : buckets)
		h[i] = n;
	return h;
}

/// Two seconds in which a VM was busy, one a reading.
inline TopModel busy_model()
{
	TopModel model(Isa::vmx, own_cost);
	for (std::uint64_t t = 0; t < 3; t++)
		model.add(vm(snapshot(
			3h + 4min + std::chrono::seconds(10 + t),
			{{1, {t * 100, t * 200'000}, histogram({{11, t * 100}})},
			 {10, {7 + t * 110, 9'000 + t * 112'000}, histogram({{10, 7 + t * 110}})},
			 {12, {t * t * 50, t * t * 1'000'000}, histogram({{15, t * t * 50}})},
			 {48,
			  {t * 1'234, t * 4'936'000},
			  histogram({{12, t * 1'200}, {17, t * 34}})}},
			7 + t * 100)));
	return model;
}

} // namespace exitstat
