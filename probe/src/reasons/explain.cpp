// SPDX-License-Identifier: GPL-2.0
#include "reasons/explain.hpp"
#include "reasons/names.hpp"
#include "reasons/texts.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace exitstat
{

namespace
{

// ---- Pages -------------------------------------------------------------------------------------

constexpr std::size_t min_width = 40;

/// A paragraph in lines of at most \p width columns, all but the first one indented.
std::string wrapped(std::string_view text, std::size_t width, std::size_t first_indent,
		    std::size_t indent)
{
	std::string s(first_indent, ' ');
	std::size_t column = first_indent;
	bool at_start = true;
	while (!text.empty()) {
		const auto end = std::min(text.find(' '), text.size());
		const std::string_view word = text.substr(0, end);
		if (!at_start && column + 1 + word.size() > width) {
			s += "\n" + std::string(indent, ' ');
			column = indent;
			at_start = true;
		}
		if (!at_start) {
			s += ' ';
			column++;
		}
		s += word;
		column += word.size();
		at_start = false;
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return s + "\n";
}

/// A heading and its text: behind it, or below it if it has several lines.
std::string section(std::string_view heading, std::string_view text, std::size_t width)
{
	if (text.find('\n') == std::string_view::npos)
		return "\n" + wrapped(fmt::format("{} {}", heading, text), width, 0, 4);
	std::string s = fmt::format("\n{}\n", heading);
	while (!text.empty()) {
		const auto end = std::min(text.find('\n'), text.size());
		s += wrapped(text.substr(0, end), width, 4, 6);
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return s;
}

std::string title(Isa isa, std::uint16_t code)
{
	const char *kind = isa == Isa::vmx ? "VMX basic exit reason" : "SVM exit code";
	if (code == other_reason)
		return fmt::format("other (every other {})", kind);
	const std::string number =
		isa == Isa::vmx ? fmt::format("{}", code) : fmt::format("{:#x}", code);
	return fmt::format("{} ({} {})", name_of(isa, code), kind, number);
}

} // namespace

const Explanation *explanation(Isa isa, std::uint16_t code)
{
	for (const ReasonText &text : reason_texts(isa))
		if (text.code == code)
			return &text.text;
	if (is_counted(isa, code) && known_name(isa, code).empty())
		return &unnamed_text(isa);
	return nullptr;
}

std::string explain(Isa isa, std::uint16_t code, std::size_t width)
{
	const Explanation *e = explanation(isa, code);
	if (!e)
		return {};
	width = std::max(width, min_width);
	return wrapped(title(isa, code), width, 0, 4) + section("What:", e->meaning, width) +
	       section("Usually caused by:", e->causes, width) +
	       section("What to try:", e->advice, width) + section("Source:", e->source, width);
}

std::string explain_line(Isa isa, std::uint16_t code)
{
	const Explanation *e = explanation(isa, code);
	if (!e)
		return {};
	std::size_t width = 0;
	for (const NamedReason &reason : named_reasons(isa))
		width = std::max(width, reason.name.size());
	return fmt::format("{:{}}  {}", name_of(isa, code), width, e->summary);
}

} // namespace exitstat
