// SPDX-License-Identifier: GPL-2.0
#include "reasons/find.hpp"
#include "reasons/names.hpp"
#include "reasons/texts.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>
#include <utility>

namespace exitstat
{

namespace
{

std::string normalized(std::string_view text)
{
	std::string s;
	for (const char c : text) {
		if (c >= 'a' && c <= 'z')
			s += char(c - 'a' + 'A');
		else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			s += c;
		else if (!s.empty() && s.back() != '_')
			s += '_';
	}
	if (s.ends_with('_'))
		s.pop_back();
	return s;
}

/// What is typed, less what only says that it is an exit reason: "SVM_EXIT_NPF" is "NPF".
std::string wanted(std::string_view text)
{
	std::string s = normalized(text);
	for (const std::string_view prefix : {"EXIT_REASON_", "SVM_EXIT_", "VMEXIT_"})
		if (s.starts_with(prefix))
			return s.substr(prefix.size());
	return s;
}

/// Whether \p wanted is the normalized \p name, or that without the word that names its kind.
bool is_name(std::string_view wanted, std::string_view name)
{
	if (wanted == name)
		return true;
	for (const std::string_view suffix : {"_INSTRUCTION", "_EXCP"})
		if (name.ends_with(suffix) && wanted == name.substr(0, name.size() - suffix.size()))
			return true;
	return false;
}

std::optional<std::uint16_t> parsed_code(std::string_view text)
{
	const auto from = text.find_first_not_of(" \t");
	if (from == std::string_view::npos)
		return std::nullopt;
	text = text.substr(from, text.find_last_not_of(" \t") + 1 - from);
	// As name_of() has it where there is no name.
	if (text.starts_with("reason "))
		text.remove_prefix(7);
	int base = 10;
	if (text.starts_with("0x") || text.starts_with("0X")) {
		base = 16;
		text.remove_prefix(2);
	}
	std::uint16_t code = 0;
	const auto *const end = text.data() + text.size();
	const auto [stop, error] = std::from_chars(text.data(), end, code, base);
	if (error != std::errc() || stop != end)
		return std::nullopt;
	return code;
}

std::vector<Isa> isas(std::optional<Isa> only)
{
	if (only)
		return {*only};
	return {Isa::vmx, Isa::svm};
}

/// Letters to insert, delete or replace, and neighbours to swap, to make \p b of \p a.
std::size_t distance(std::string_view a, std::string_view b)
{
	std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
	for (std::size_t j = 0; j <= b.size(); j++)
		row[j] = j;
	for (std::size_t i = 1; i <= a.size(); i++) {
		before = std::move(last);
		last = row;
		row[0] = i;
		for (std::size_t j = 1; j <= b.size(); j++) {
			row[j] = std::min({last[j] + 1, row[j - 1] + 1,
					   last[j - 1] + (a[i - 1] != b[j - 1])});
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = std::min(row[j], before[j - 2] + 1);
		}
	}
	return row[b.size()];
}

/// The words of a normalized text.
std::vector<std::string_view> words(std::string_view text)
{
	std::vector<std::string_view> all;
	while (!text.empty()) {
		const auto end = std::min(text.find('_'), text.size());
		all.push_back(text.substr(0, end));
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return all;
}

/// How far a reason is from what was typed, less being nearer; none if it is not near. All texts
/// are normalized.
std::optional<std::size_t> farness(std::string_view wanted, std::string_view name,
				   std::string_view summary)
{
	// First what has all of the words: as words of the name, as parts of it, or in the summary
	// ("MMIO", "timer").
	const auto typed = words(wanted), in_name = words(name), in_summary = words(summary);
	const auto each = [&](const auto &condition) {
		return std::ranges::all_of(typed, condition);
	};
	const auto in = [](const auto &all) {
		return [&](std::string_view word) {
			return std::ranges::find(all, word) != all.end();
		};
	};
	if (each(in(in_name)))
		return 0;
	if (each([&](std::string_view word) { return name.find(word) != std::string_view::npos; }))
		return 1;
	if (each(in(in_summary)))
		return 2;

	// Then what differs by few letters. With more than a third of them wrong it is another
	// word, so what is more than twice as long needs no closer look.
	if (wanted.size() > 2 * name.size())
		return std::nullopt;
	std::size_t least = distance(wanted, name);
	for (const std::string_view word : in_name)
		least = std::min(least, distance(wanted, word));
	if (3 * least > wanted.size())
		return std::nullopt;
	return 2 + least;
}

} // namespace

std::vector<FoundReason> find_reasons(std::string_view text, std::optional<Isa> only)
{
	std::vector<FoundReason> found;
	if (const auto code = parsed_code(text)) {
		for (const Isa isa : isas(only))
			if (is_counted(isa, *code) || *code == other_reason)
				found.push_back({isa, *code});
		return found;
	}

	const std::string want = wanted(text);
	for (const Isa isa : isas(only)) {
		for (const auto &[code, name] : named_reasons(isa))
			if (is_name(want, normalized(name)))
				found.push_back({isa, code});
		for (const ReasonText &text : reason_texts(isa))
			if (!text.alias.empty() && text.alias == want)
				found.push_back({isa, text.code});
	}
	return found;
}

std::vector<std::string> nearest_reasons(std::string_view text, std::optional<Isa> only,
					 std::size_t limit)
{
	const std::string want = wanted(text);
	if (want.empty())
		return {};

	std::vector<std::tuple<std::size_t, std::size_t, std::string>> near;
	std::set<std::string> seen;
	for (const Isa isa : isas(only))
		for (const auto &[code, name] : named_reasons(isa)) {
			const std::string normal = normalized(name);
			const Explanation *e = explanation(isa, code);
			const auto far = farness(want, normal, e ? normalized(e->summary) : "");
			if (far && seen.insert(normal).second)
				near.emplace_back(*far, name.size(), name);
		}
	// Of names that are as near, the shorter one has less that was not asked for.
	std::ranges::stable_sort(
		near, {}, [](const auto &n) { return std::pair(std::get<0>(n), std::get<1>(n)); });

	std::vector<std::string> names;
	for (const auto &n : near)
		if (names.size() < limit)
			names.push_back(std::get<2>(n));
	return names;
}

} // namespace exitstat
