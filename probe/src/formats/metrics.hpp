// SPDX-License-Identifier: GPL-2.0
/// \file
/// The counters since they began, as Prometheus takes them.
#pragma once

#include "formats/report.hpp"

#include <span>
#include <string>

namespace exitstat
{

enum class Exposition {
	/// Prometheus' text format 0.0.4, the only one that node_exporter's textfile collector
	/// reads. There a type is that of samples of the very same name.
	text,
	/// OpenMetrics 1.0, where a counter's samples have a suffix that its name has not.
	openmetrics,
};

/// One reading: of the whole VM, or of one vCPU each. Times are in seconds, and in cycles only
/// where these are not time. \p buckets: histograms as well, where there are any.
std::string metrics(std::span<const Report> reports, Exposition form, bool buckets);

} // namespace exitstat
