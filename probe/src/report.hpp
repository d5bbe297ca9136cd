// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the program prints. Every function returns complete lines and writes nothing.
#pragma once

#include "cpu.hpp"
#include "snapshot.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace exit_stats
{

enum class Sort { exits, cycles, cost, name, code };

/// Numbers go down, names and codes go up; equal rows are ordered by code.
void sort(std::vector<ReasonCount> &reasons, Isa isa, Sort by);

/// The kernel's name for the reason, or "reason 0x47".
std::string reason_name(Isa isa, std::uint16_t code);

/// One reading, with all that is needed to understand it alone.
struct Report {
	Info info;
	Snapshot snapshot;
	std::optional<int> cpu; ///< the vCPU that was read; none: the whole VM
	bool emulated;		///< cycles are not time
};

std::string table(const Report &report);

/// One object on one line. Keys are only ever added.
std::string json(const Report &report);

enum class Format { table, json, raw };

struct Options {
	Format format = Format::table;
	Sort sort = Sort::exits;
	/// Raw: the only input ECX to ask, instead of all that a table needs.
	std::optional<std::uint32_t> raw_ecx{};
	/// The CPUs to pin to and to read, one after the other; empty: read the whole VM.
	std::vector<int> cpus{};
};

/// Read the leaf and format it as asked.
std::string run(const Options &options, const Cpuid &cpuid, std::uint32_t tsc_step);

} // namespace exit_stats
