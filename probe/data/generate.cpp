// SPDX-License-Identifier: GPL-2.0
/// \file
/// Makes of the texts about exit reasons, which are data, the tables that the program has and the
/// manual page. It runs where the program is built; the program needs no parser.
#include <exit_stats/reasons.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <toml++/toml.h>

using namespace exit_stats;

namespace
{

constexpr std::size_t longest_summary = 60;
/// A word has to fit a line of 40 columns, indented.
constexpr std::size_t longest_word = 34;

// ---- What the files have -----------------------------------------------------------------------

/// All that is wrong, by file and line.
class Mistakes
{
public:
	void add(const toml::source_region &where, std::string_view what)
	{
		std::cerr << *where.path << ":" << where.begin.line << ": " << what << "\n";
		any = true;
	}

	bool any = false;
};

struct Topic {
	std::string causes, advice;
};

struct Reason {
	std::vector<std::pair<std::uint16_t, std::string>> names; ///< by code
	std::string alias, summary, meaning, topic, source;
};

struct Texts {
	Isa isa;
	Reason unnamed{};
	std::vector<Reason> reasons{};
	std::map<std::string, std::string> sources{};
};

/// A table of a file, and what is wrong with it.
class Entry
{
public:
	Entry(const toml::table &table, std::string name, Mistakes &mistakes)
		: name(std::move(name)), table(table), mistakes(mistakes)
	{
	}

	void fail(std::string_view what) const
	{
		mistakes.add(table.source(), name + " " + std::string(what));
	}

	void fail(std::string_view key, std::string_view what) const
	{
		mistakes.add(table.contains(key) ? table.get(key)->source() : table.source(),
			     name + ": " + std::string(what));
	}

	bool has(std::string_view key) const
	{
		return table.contains(key);
	}

	/// A text, with one blank for all that is between two words.
	std::string text(std::string_view key, bool is_sentence = false) const
	{
		const auto value = table[key].value<std::string>();
		if (!value || value->empty()) {
			fail(key, fmt::format("there is no {}: add {} = \"...\"", key, key));
			return {};
		}
		std::string s;
		std::istringstream words(*value);
		for (std::string word; words >> word; s += s.empty() ? word : " " + word)
			if (word.size() > longest_word)
				fail(key, fmt::format("\"{}\" is longer than {} characters, which "
						      "a narrow terminal has: break it up",
						      word, longest_word));
		if (!std::ranges::all_of(s, [](char c) { return c >= ' ' && c <= '~'; }))
			fail(key,
			     fmt::format("the {} is not plain ASCII: replace what is not", key));
		if (is_sentence && !s.ends_with('.') && !s.ends_with(':'))
			fail(key, fmt::format("the {} does not end with a full stop: add it", key));
		return s;
	}

	void allow(std::initializer_list<std::string_view> keys) const
	{
		for (const auto &[key, value] : table)
			if (std::ranges::find(keys, key.str()) == keys.end())
				mistakes.add(value.source(),
					     fmt::format("{}: nobody knows {}: there are {}", name,
							 key.str(), fmt::join(keys, ", ")));
	}

	const toml::table &get() const
	{
		return table;
	}

private:
	std::string name;
	const toml::table &table;
	Mistakes &mistakes;
};

using Topics = std::map<std::string, Topic>;

/// "Memory, in the guest: ..." if it is under a heading of its own.
void add_line(std::string &text, std::string heading, std::string_view where, std::string_view line)
{
	if (!heading.empty() && !where.empty())
		heading += ", ";
	std::string label = heading + std::string(where);
	if (!label.empty())
		label[0] = char(std::toupper(label[0]));
	text += (text.empty() ? "" : "\n") + label + (label.empty() ? "" : ": ") +
		std::string(line);
}

void add_topic(Topic &topic, const Entry &entry, const std::string &heading)
{
	add_line(topic.causes, heading, "", entry.text("causes", true));
	const auto before = topic.advice.size();
	for (const auto &[key, where] :
	     {std::pair("advice", ""), {"guest", "in the guest"}, {"host", "on the host"}})
		if (entry.has(key))
			add_line(topic.advice, heading, where, entry.text(key, true));
	if (topic.advice.size() == before)
		entry.fail("has nothing to try: add advice, guest or host");
}

Topics read_topics(const toml::table &file, Mistakes &mistakes)
{
	Topics topics;
	const auto entry_of = [&](const std::string &name) -> std::optional<Entry> {
		const toml::table *table = file[name].as_table();
		if (!table)
			return std::nullopt;
		return Entry(*table, "topic " + name, mistakes);
	};
	for (const auto &[key, value] : file) {
		const std::string name(key.str());
		const auto entry = entry_of(name);
		if (!entry) {
			mistakes.add(value.source(),
				     fmt::format("{} is no topic: make it [{}]", name, name));
			continue;
		}
		Topic &topic = topics[name];
		if (!entry->has("parts")) {
			entry->allow({"causes", "advice", "guest", "host"});
			add_topic(topic, *entry, "");
			continue;
		}
		entry->allow({"parts"});
		const toml::array *parts = entry->get()["parts"].as_array();
		for (std::size_t i = 0; parts && i < parts->size(); i++) {
			const toml::table *table = parts->get(i)->as_table();
			if (!table)
				continue;
			const Entry part(*table, "a part of topic " + name, mistakes);
			const std::string of = part.text("topic");
			if (const auto whole = entry_of(of); whole && !whole->has("parts"))
				add_topic(topic, *whole, part.text("heading"));
			else
				part.fail("topic", "there is no topic " + of + " without parts");
		}
		if (topic.causes.empty())
			entry->fail("has no parts: add parts = [{ heading = \"...\", topic = "
				    "\"...\" }]");
	}
	return topics;
}

/// What the headers of this build have, that the file's name is of.
std::optional<std::uint16_t> code_of(Isa isa, std::string_view name)
{
	if (name == known_name(isa, other_reason))
		return other_reason;
	for (const ReasonName &reason : reason_names(isa))
		if (reason.name == name && reason.code >= 0 && reason.code < other_reason)
			return std::uint16_t(reason.code);
	return std::nullopt;
}

void read_names(Reason &reason, const Entry &entry, Isa isa)
{
	std::vector<std::string> names;
	if (const toml::array *several = entry.get()["name"].as_array())
		for (const auto &name : *several)
			names.push_back(name.value_or(std::string()));
	else
		names.push_back(entry.text("name"));

	const auto given = entry.get()["code"].value<std::int64_t>();
	if (given && names.size() != 1)
		entry.fail("code", "several names cannot have one code: split it up");
	for (const std::string &name : names) {
		if (name.empty())
			continue;
		const auto known = code_of(isa, name);
		if (given && known && *given != *known)
			entry.fail("code",
				   fmt::format("the headers have code {:#x}, this is {:#x}: "
					       "correct it",
					       *known, *given));
		else if (given && !(*given >= 0 && *given < other_reason &&
				    is_counted(isa, std::uint16_t(*given))))
			entry.fail("code",
				   fmt::format("no reason has code {:#x}: correct it", *given));
		else if (!given && !known)
			entry.fail("name", fmt::format("the headers do not name {}: correct it, or "
						       "add code = its number, if newer ones do",
						       name));
		else
			reason.names.emplace_back(known ? *known : std::uint16_t(*given), name);
	}
}

void read_text(Reason &reason, const Entry &entry, const Topics &topics, const Texts &texts)
{
	reason.summary = entry.text("summary");
	reason.meaning = entry.text("meaning", true);
	reason.topic = entry.text("topic");
	reason.source = entry.text("source");
	if (reason.summary.size() > longest_summary)
		entry.fail("summary", fmt::format("the summary has {} characters: shorten it to {}",
						  reason.summary.size(), longest_summary));
	if (reason.summary.ends_with('.'))
		entry.fail("summary", "the summary ends with a full stop: remove it");
	if (!reason.topic.empty() && !topics.contains(reason.topic))
		entry.fail("topic", fmt::format("there is no topic {}: correct it, or add [{}] to "
						"the topics",
						reason.topic, reason.topic));
	if (!reason.source.empty() && !texts.sources.contains(reason.source))
		entry.fail("source", fmt::format("there is no source {}: correct it, or add it to "
						 "[source]",
						 reason.source));
}

Texts read_reasons(Isa isa, const toml::table &file, const Topics &topics, Mistakes &mistakes)
{
	Texts texts{isa};
	Entry(file, "the file", mistakes).allow({"source", "unnamed", "reason"});
	if (const toml::table *sources = file["source"].as_table())
		for (const auto &[key, value] : *sources)
			texts.sources[std::string(key.str())] =
				Entry(*sources, "a source", mistakes).text(key.str());

	const toml::table *text = file["unnamed"].as_table();
	const Entry unnamed(text ? *text : file, "[unnamed]", mistakes);
	read_text(texts.unnamed, unnamed, topics, texts);

	std::map<std::uint16_t, toml::source_region> seen;
	const toml::array *reasons = file["reason"].as_array();
	for (std::size_t i = 0; reasons && i < reasons->size(); i++) {
		const toml::table *table = reasons->get(i)->as_table();
		if (!table)
			continue;
		const auto *name = (*table)["name"].as_array() ? (*table)["name"][0].node()
							       : table->get("name");
		const Entry entry(*table,
				  "reason " +
					  (name ? name->value_or(std::string()) : "without a name"),
				  mistakes);
		entry.allow({"name", "code", "alias", "summary", "meaning", "topic", "source"});
		Reason reason;
		read_names(reason, entry, isa);
		if (entry.has("alias"))
			reason.alias = entry.text("alias");
		read_text(reason, entry, topics, texts);
		for (const auto &[code, text] : reason.names)
			if (const auto [at, is_new] = seen.emplace(code, table->source()); !is_new)
				entry.fail("name",
					   fmt::format("code {:#x} has a text in line {} already: "
						       "remove one of the two",
						       code, at->second.begin.line));
		texts.reasons.push_back(std::move(reason));
	}
	return texts;
}

// ---- The tables of the program -----------------------------------------------------------------

std::string quoted(std::string_view text)
{
	std::string s = "\"";
	for (const char c : text)
		s += c == '\n'		     ? "\\n"
		     : c == '"' || c == '\\' ? std::string("\\") + c
					     : std::string(1, c);
	return s + "\"";
}

/// An Explanation.
std::string explanation(const Reason &reason, const Texts &texts, const Topics &topics)
{
	const Topic &topic = topics.at(reason.topic);
	return fmt::format("{{{},\n\t {},\n\t {},\n\t {},\n\t {}}}", quoted(reason.summary),
			   quoted(reason.meaning), quoted(topic.causes), quoted(topic.advice),
			   quoted(texts.sources.at(reason.source)));
}

std::string code(const std::vector<Texts> &all, const Topics &topics)
{
	std::string s = "// Generated from the texts in probe/data.\n"
			"#include \"reasons/texts.hpp\"\n\n"
			"namespace exitstat\n{\n\n";
	for (const Texts &texts : all) {
		const char *isa = texts.isa == Isa::vmx ? "vmx" : "svm";
		s += fmt::format("static constexpr Explanation {}_unnamed\n\t{};\n\n"
				 "static constexpr ReasonText {}_texts[] = {{\n",
				 isa, explanation(texts.unnamed, texts, topics), isa);
		for (const Reason &reason : texts.reasons)
			for (const auto &[code, name] : reason.names)
				s += fmt::format("\t{{{:#x}, {}, {},\n\t {}}},\n", code,
						 quoted(name), quoted(reason.alias),
						 explanation(reason, texts, topics));
		s += "};\n\n";
	}
	return s + "std::span<const ReasonText> reason_texts(Isa isa)\n{\n"
		   "\tif (isa == Isa::vmx)\n\t\treturn vmx_texts;\n\treturn svm_texts;\n}\n\n"
		   "const Explanation &unnamed_text(Isa isa)\n{\n"
		   "\treturn isa == Isa::vmx ? vmx_unnamed : svm_unnamed;\n}\n\n"
		   "} // namespace exitstat\n";
}

// ---- The manual page ---------------------------------------------------------------------------

/// Lines of text, of which none is a macro, and a new one for each sentence.
std::string roff(std::string_view text)
{
	std::string s;
	std::size_t column = 0;
	std::istringstream words{std::string(text)};
	for (std::string word; words >> word;) {
		if (column && (column + 1 + word.size() > 78 || s.ends_with('.'))) {
			s += '\n';
			column = 0;
		}
		s += column ? " " : word.starts_with('.') || word.starts_with('\'') ? "\\&" : "";
		column += word.size() + 1;
		for (const char c : word)
			s += c == '\\' ? "\\e" : std::string(1, c);
	}
	return s + "\n";
}

/// One paragraph a line.
std::string paragraphs(std::string_view text)
{
	std::string s;
	while (!text.empty()) {
		const auto end = std::min(text.find('\n'), text.size());
		s += ".Pp\n" + roff(text.substr(0, end));
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return s;
}

std::string manual(const std::vector<Texts> &all, const Topics &topics)
{
	std::string s = R"(.\" SPDX-License-Identifier: GPL-2.0
.\" Generated from the texts in probe/data.
.Dd November 26, 2026
.Dt EXITSTAT-REASONS 7
.Os
.Sh NAME
.Nm exitstat-reasons
.Nd VM-Exits by reason: what they mean, and what can be done about them
.Sh DESCRIPTION
What
.Ic exitstat explain
says about each reason for which a virtual machine is left for its hypervisor, KVM.
Where several reasons have the same causes, these are told with the first one.
)";
	std::map<std::string, std::string> told;
	for (const Texts &texts : all) {
		const bool is_vmx = texts.isa == Isa::vmx;
		s += is_vmx ? ".Sh REASONS ON INTEL CPUS\nBasic exit reasons of VMX.\n"
			    : ".Sh REASONS ON AMD CPUS\nExit codes of SVM.\n";
		s += ".Bl -tag -width Ds\n";
		for (const Reason &reason : texts.reasons) {
			std::string heading;
			for (const auto &[code, name] : reason.names)
				heading += fmt::format("{}\\fB{}\\fR ({})",
						       heading.empty() ? "" : ", ", name,
						       code == other_reason ? "all others"
						       : is_vmx ? fmt::format("{}", code)
								: fmt::format("{:#x}", code));
			s += ".It " + heading + "\n\\fI" + reason.summary + "\\fR\n" +
			     paragraphs(reason.meaning);
			const auto [first, is_new] = told.emplace(
				reason.topic, fmt::format("{}{}", reason.names[0].second,
							  is_vmx ? "" : " of SVM"));
			if (is_new)
				s += paragraphs("Usually caused by: " +
						topics.at(reason.topic).causes) +
				     paragraphs(topics.at(reason.topic).advice);
			else
				s += paragraphs("Causes, and what to try: see " + first->second +
						".");
			s += paragraphs("Source: " + texts.sources.at(reason.source) + ".");
		}
		s += ".El\n";
	}
	return s + ".Sh SEE ALSO\n.Xr exitstat 1\n";
}

void write(const char *path, const std::string &text)
{
	std::ofstream file(path);
	file << text;
	file.close();
	if (!file)
		throw std::runtime_error(std::string("cannot write ") + path);
}

} // namespace

int main(int argc, char **argv)
try {
	if (argc != 6) {
		std::cerr << "usage: " << argv[0]
			  << " TOPICS.toml VMX.toml SVM.toml CODE.cpp MANUAL.7\n";
		return 2;
	}
	Mistakes mistakes;
	const Topics topics = read_topics(toml::parse_file(argv[1]), mistakes);
	const std::vector all{read_reasons(Isa::vmx, toml::parse_file(argv[2]), topics, mistakes),
			      read_reasons(Isa::svm, toml::parse_file(argv[3]), topics, mistakes)};
	if (mistakes.any)
		return 1;
	write(argv[4], code(all, topics));
	write(argv[5], manual(all, topics));
	return 0;
} catch (const toml::parse_error &e) {
	std::cerr << *e.source().path << ":" << e.source().begin.line << ": " << e.description()
		  << "\n";
	return 1;
} catch (const std::exception &e) {
	std::cerr << argv[0] << ": " << e.what() << "\n";
	return 1;
}
