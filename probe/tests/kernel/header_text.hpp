// SPDX-License-Identifier: GPL-2.0
/// \file
/// The kernel's headers as text, read without the preprocessor.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>

inline std::string slurp(const std::string &file)
{
	std::ostringstream text;
	text << std::ifstream(file).rdbuf();
	return text.str();
}

/// The lines "#define NAME number".
inline std::map<std::string, std::int64_t> defines(const std::string &text)
{
	static const std::regex line(
		R"(#define[ \t]+(\w+)[ \t]+\(?(-?(0x)?[0-9a-fA-F]+)[uUlL]*\b)");
	std::map<std::string, std::int64_t> all;
	for (std::sregex_iterator m(text.begin(), text.end(), line), end; m != end; ++m)
		all[(*m)[1]] = std::stoll((*m)[2], nullptr, 0);
	return all;
}

/// The entries "{ CODE, "name" }" and "{ CODE + VECTOR, "name" }" of a macro.
inline std::map<std::int64_t, std::string> entries(const std::string &header,
						   const std::string &macro)
{
	const std::string text = slurp(header);
	auto numbers = defines(text);
	numbers.merge(defines(slurp(EXITSTAT_VECTORS)));

	const auto from = text.find("#define " + macro + " \\");
	EXPECT_NE(from, std::string::npos) << macro << " is not in " << header;
	const std::string body = text.substr(from, text.find("\n\n", from) - from);

	static const std::regex entry(R"re(\{\s*(\w+)(?:\s*\+\s*(\w+))?,\s*"([^"]*)"\s*\})re");
	std::map<std::int64_t, std::string> all;
	for (std::sregex_iterator m(body.begin(), body.end(), entry), end; m != end; ++m)
		all[numbers.at((*m)[1]) + ((*m)[2].matched ? numbers.at((*m)[2]) : 0)] = (*m)[3];
	return all;
}
