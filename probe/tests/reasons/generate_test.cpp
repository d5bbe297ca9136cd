// SPDX-License-Identifier: GPL-2.0
/// \file
/// That what is wrong in the texts about exit reasons fails the build, with where it is and what
/// to do.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace
{

constexpr const char *files[] = {"topics.toml", "reasons.vmx.toml", "reasons.svm.toml"};

class GenerateReasons : public testing::Test
{
protected:
	void SetUp() override
	{
		std::string name = testing::TempDir() + "generate_test.XXXXXX";
		ASSERT_TRUE(mkdtemp(name.data()));
		folder = name + "/";
		std::ofstream(folder + files[0]) << R"(
[idle]
causes = "Nothing to do."
host = "nothing."
)";
		std::ofstream(folder + files[1]) << R"(
[source]
here = "Intel"

[unnamed]
summary = "no name"
meaning = "It has no name."
topic = "idle"
source = "here"

[[reason]]
name = "HLT"
summary = "idle"
meaning = "It is idle."
topic = "idle"
source = "here"
)";
		std::filesystem::copy_file(folder + files[1], folder + files[2]);
		change(files[2], "HLT", "hlt");
	}

	void TearDown() override
	{
		std::filesystem::remove_all(folder);
	}

	std::string contents(const std::string &file) const
	{
		std::ostringstream out;
		out << std::ifstream(folder + file).rdbuf();
		return out.str();
	}

	void change(const std::string &file, const std::string &from, const std::string &to) const
	{
		std::string text = contents(file);
		const auto at = text.rfind(from);
		ASSERT_NE(at, text.npos) << from;
		std::ofstream(folder + file) << text.replace(at, from.size(), to);
	}

	/// What it says, without the folder; empty if it succeeds.
	std::string run() const
	{
		std::string command = EXITSTAT_GENERATE;
		for (const char *file : files)
			command += " " + folder + file;
		command += " " + folder + "out.cpp " + folder + "out.7 2>&1";
		FILE *pipe = popen(command.c_str(), "r");
		std::string said;
		std::array<char, 1000> some{};
		while (fgets(some.data(), some.size(), pipe))
			said += some.data();
		const int status = pclose(pipe);
		EXPECT_EQ(status == 0, said.empty()) << status << ": " << said;
		for (std::size_t at; (at = said.find(folder)) != said.npos;)
			said.erase(at, folder.size());
		return said;
	}

	std::string folder;
};

TEST_F(GenerateReasons, MakesTablesAndAManual)
{
	EXPECT_EQ(run(), "");
	EXPECT_NE(contents("out.cpp").find("{0xc, \"HLT\", \"\","), std::string::npos);
	EXPECT_NE(contents("out.7").find("\\fBhlt\\fR (0x78)"), std::string::npos);
}

TEST_F(GenerateReasons, SaysWhatIsWrongAndWhatToDo)
{
	const std::string vmx = files[1];
	const struct {
		std::string file, from, to, said;
	} cases[] = {
		{vmx, "summary = \"idle\"\n", "",
		 "reasons.vmx.toml:11: reason HLT: there is no summary: add summary = \"...\"\n"},
		{vmx, "meaning", "meanin",
		 "reasons.vmx.toml:14: reason HLT: nobody knows meanin: there are name, code, "
		 "alias, summary, meaning, topic, source\n"
		 "reasons.vmx.toml:11: reason HLT: there is no meaning: add meaning = \"...\"\n"},
		{vmx, "\"idle\"\nsource", "\"idel\"\nsource",
		 "reasons.vmx.toml:15: reason HLT: there is no topic idel: correct it, or add "
		 "[idel] to the topics\n"},
		{vmx, "\"here\"", "\"there\"",
		 "reasons.vmx.toml:16: reason HLT: there is no source there: correct it, or add it "
		 "to [source]\n"},
		{vmx, "\"idle\"\nmeaning",
		 "\"" + std::string(30, 'a') + " " + std::string(30, 'b') + "\"\nmeaning",
		 "reasons.vmx.toml:13: reason HLT: the summary has 61 characters: shorten it to "
		 "60\n"},
		{vmx, "\"idle\"\nmeaning", "\"idle.\"\nmeaning",
		 "reasons.vmx.toml:13: reason HLT: the summary ends with a full stop: remove it\n"},
		{vmx, "It is idle.", "It is idle",
		 "reasons.vmx.toml:14: reason HLT: the meaning does not end with a full stop: add "
		 "it\n"},
		{vmx, "It is idle.", "It is \u00fcber-idle.",
		 "reasons.vmx.toml:14: reason HLT: the meaning is not plain ASCII: replace what is "
		 "not\n"},
		{vmx, "It is", std::string(35, 'x'),
		 "reasons.vmx.toml:14: reason HLT: \"" + std::string(35, 'x') +
			 "\" is longer than 34 characters, which a narrow terminal has: break it "
			 "up\n"},
		{vmx, "\"HLT\"", "\"HALT\"",
		 "reasons.vmx.toml:12: reason HALT: the headers do not name HALT: correct it, or "
		 "add code = its number, if newer ones do\n"},
		{vmx, "\"HLT\"", "\"HLT\"\ncode = 13",
		 "reasons.vmx.toml:13: reason HLT: the headers have code 0xc, this is 0xd: correct "
		 "it\n"},
		{vmx, "\"HLT\"", "\"NEW\"\ncode = 128",
		 "reasons.vmx.toml:13: reason NEW: no reason has code 0x80: correct it\n"},
		{vmx, "\"HLT\"", "[\"HLT\", \"CPUID\", \"HLT\"]",
		 "reasons.vmx.toml:12: reason HLT: code 0xc has a text in line 11 already: remove "
		 "one of the two\n"},
		{vmx, "\"HLT\"", "[\"HLT\", \"CPUID\"]\ncode = 12",
		 "reasons.vmx.toml:13: reason HLT: several names cannot have one code: split it "
		 "up\n"
		 "reasons.vmx.toml:13: reason HLT: the headers have code 0xa, this is 0xc: correct "
		 "it\n"},
		{vmx, "[unnamed]", "[named]",
		 "reasons.vmx.toml:5: the file: nobody knows named: there are source, unnamed, "
		 "reason\n"},
		{files[0], "host = \"nothing.\"\n", "",
		 "topics.toml:2: topic idle has nothing to try: add advice, guest or host\n"},
		{files[0], "host = \"nothing.\"\n",
		 "host = \"nothing.\"\n[both]\nparts = [{ heading = \"A\", topic = \"b\" }]\n",
		 "topics.toml:6: a part of topic both: there is no topic b without parts\n"},
		{files[0], "host", "host = ", "topics.toml:4: "},
	};
	for (const auto &[file, from, to, said] : cases) {
		const std::string before = contents(file);
		change(file, from, to);
		EXPECT_EQ(run().substr(0, said.size()), said);
		EXPECT_FALSE(std::filesystem::exists(folder + "out.cpp")) << said;
		std::ofstream(folder + file) << before;
	}
}

// Headers that do not name a reason yet, and ones that do.
TEST_F(GenerateReasons, TakesNumbersOfWhatOnlyNewerHeadersName)
{
	change(files[1], "\"HLT\"", "\"OF_TOMORROW\"\ncode = 0x7f");
	EXPECT_EQ(run(), "");
	EXPECT_NE(contents("out.cpp").find("{0x7f, \"OF_TOMORROW\", \"\","), std::string::npos);
	change(files[1], "\"OF_TOMORROW\"\ncode = 0x7f", "\"HLT\"\ncode = 12");
	EXPECT_EQ(run(), "");
}

} // namespace
