// SPDX-License-Identifier: GPL-2.0
/// \file
/// The virtual machines of this host, as its KVM has them in debugfs.
#pragma once

#include "core/library.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace exitstat
{

/// Where the host keeps what is read here.
struct HostPaths {
	std::filesystem::path kvm = "/sys/kernel/debug/kvm";
	std::filesystem::path modules = "/sys/module";
	std::filesystem::path processes = "/proc";
};

/// A virtual machine whose KVM has exit statistics.
struct HostVm {
	std::filesystem::path folder; ///< its own in debugfs, PID-FD
	int pid;		      ///< of the process that has created it
	std::string name;	      ///< that its VMM was given (QEMU: -name), else the program's

	/// "4711 (debian12)".
	std::string title() const;
};

/// Those that run, by pid; of these only what \p wanted names, a pid or a name, if it is not empty.
/// Throws Unavailable, with the reason and the remedy, where there is none.
std::vector<HostVm> host_vms(const std::string &wanted, const HostPaths &paths = {});

} // namespace exitstat
