// SPDX-License-Identifier: GPL-2.0
#include "host/vms.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>

namespace exitstat
{

namespace
{

namespace fs = std::filesystem;

std::string contents(const fs::path &path)
{
	std::ostringstream out;
	out << std::ifstream(path, std::ios::binary).rdbuf();
	return out.str();
}

/// QEMU's own: "-name debian12", "-name guest=debian12,debug-threads=on".
std::string name_in(const std::string &command_line)
{
	std::istringstream words(command_line);
	for (std::string word; std::getline(words, word, '\0');) {
		if (word != "-name" || !std::getline(words, word, '\0'))
			continue;
		if (word.starts_with("guest="))
			word.erase(0, 6);
		return word.substr(0, word.find(','));
	}
	return {};
}

std::string process_name(const fs::path &process)
{
	std::string name = name_in(contents(process / "cmdline"));
	if (name.empty()) {
		name = contents(process / "comm");
		name.resize(std::min(name.size(), name.find('\n')));
	}
	// It came from outside.
	std::ranges::replace_if(
		name, [](char c) { return c < ' ' || c > '~'; }, '?');
	return name;
}

/// "4711-12" is of process 4711.
std::optional<int> pid_of(const std::string &folder)
{
	const std::size_t dash = folder.find('-');
	if (dash == std::string::npos || dash == 0 || dash > 9 ||
	    folder.find_first_not_of("0123456789") != dash)
		return std::nullopt;
	return std::stoi(folder);
}

} // namespace

std::string HostVm::title() const
{
	return name.empty() ? std::to_string(pid) : fmt::format("{} ({})", pid, name);
}

std::vector<HostVm> host_vms(const std::string &wanted, const HostPaths &paths)
{
	std::error_code error;
	fs::directory_iterator folders(paths.kvm, error);
	if (error)
		throw Unavailable(fmt::format(
			"cannot read {}: {}; {}", paths.kvm.string(), error.message(),
			error.value() == EACCES ? "it takes root"
						: "KVM is not loaded, or debugfs is not mounted"));
	std::vector<HostVm> vms;
	std::vector<std::string> others;
	bool without = false;
	for (const fs::directory_entry &entry : folders) {
		const auto pid = pid_of(entry.path().filename());
		if (!pid)
			continue;
		if (!fs::exists(entry.path() / "exit_stats", error)) {
			without = true;
			continue;
		}
		HostVm vm{entry.path(), *pid, process_name(paths.processes / std::to_string(*pid))};
		if (wanted.empty() || wanted == vm.name || wanted == std::to_string(vm.pid))
			vms.push_back(std::move(vm));
		else
			others.push_back(vm.title());
	}
	if (vms.empty() && !others.empty()) {
		std::ranges::sort(others);
		throw Unavailable(fmt::format("there is no virtual machine {}; there is {}", wanted,
					      fmt::join(others, ", ")));
	}
	if (vms.empty())
		throw Unavailable(without ? "no exit statistics here: the KVM of this host does "
					    "not count"
					  : "no virtual machine runs on this host");
	std::ranges::sort(vms, {}, &HostVm::pid);
	return vms;
}

} // namespace exitstat
