// SPDX-License-Identifier: GPL-2.0
/// \file
/// What is in files, and what is said of them.
#pragma once

#include <exception>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

namespace exitstat
{

inline std::string contents(const std::string &path)
{
	std::ostringstream out;
	out << std::ifstream(path, std::ios::binary).rdbuf();
	return out.str();
}

/// What it throws; empty if it does not.
inline std::string complaint(const std::function<void()> &f)
{
	try {
		f();
	} catch (const std::exception &e) {
		return e.what();
	}
	return {};
}

} // namespace exitstat
