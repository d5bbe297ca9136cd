// SPDX-License-Identifier: GPL-2.0
/// \file
/// What it costs to count a VM-Exit and add up its cycles, by where the two counters are and how
/// they are changed, on real cores: each thread stands for a vCPU and stays on a CPU of its own.
/// The CPU time of the results is what a thread takes for one VM-Exit; the real time is that
/// divided by the number of threads.
#include <benchmark/benchmark.h>

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace
{

constexpr std::size_t cache_line = 64;
constexpr int max_threads = 64;

using Counter = std::atomic<std::uint64_t>;

struct Counters {
	Counter exits, cycles;
};

struct alignas(cache_line) OwnLine : Counters {
};

/// With a LOCK prefix: other threads may write as well.
void add_locked(Counter &counter, std::uint64_t n)
{
	counter.fetch_add(n, std::memory_order_relaxed);
}

/// Without: the thread is the only writer. No value is torn, and none that it adds is lost.
void add_plain(Counter &counter, std::uint64_t n)
{
	counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

OwnLine shared_by_all;
OwnLine own_line[max_threads];
/// Several of these are in a cache line.
alignas(cache_line) Counters side_by_side[max_threads];

Counters &global(int)
{
	return shared_by_all;
}

Counters &own(int thread)
{
	return own_line[thread];
}

Counters &neighbour(int thread)
{
	return side_by_side[thread];
}

void pin(int cpu)
{
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof cpus, &cpus))
		throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
}

template <Counters &(*where)(int), void (*add)(Counter &, std::uint64_t)>
void count(benchmark::State &state)
{
	pin(state.thread_index());
	Counters &counters = where(state.thread_index());
	std::uint64_t cycles = 1000;
	for (auto _ : state) {
		benchmark::DoNotOptimize(cycles);
		add(counters.exits, 1);
		add(counters.cycles, cycles);
	}
}

/// What the loop takes by itself.
void nothing(benchmark::State &state)
{
	pin(state.thread_index());
	std::uint64_t cycles = 1000;
	for (auto _ : state)
		benchmark::DoNotOptimize(cycles);
}

} // namespace

int main(int argc, char *argv[])
{
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;

	const int cpus = int(std::min(sysconf(_SC_NPROCESSORS_ONLN), long(max_threads)));
	for (auto *design : {
		     benchmark::RegisterBenchmark("nothing", nothing),
		     benchmark::RegisterBenchmark("global_locked", count<global, add_locked>),
		     benchmark::RegisterBenchmark("own_line_locked", count<own, add_locked>),
		     benchmark::RegisterBenchmark("own_line_plain", count<own, add_plain>),
		     benchmark::RegisterBenchmark("neighbours_locked",
						  count<neighbour, add_locked>),
		     benchmark::RegisterBenchmark("neighbours_plain", count<neighbour, add_plain>),
	     }) {
		// One, two, four and so on, and all.
		design->ThreadRange(1, cpus)->UseRealTime();
	}
	benchmark::RunSpecifiedBenchmarks();
	benchmark::Shutdown();
}
