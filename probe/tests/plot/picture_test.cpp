// SPDX-License-Identifier: GPL-2.0
/// \file
/// What gnuplot makes of it, and what it says.
#include "plot/sessions.hpp"

using namespace exitstat;

namespace
{

class Plot : public testing::Test
{
protected:
	void SetUp() override
	{
		std::string name = testing::TempDir() + "plot_test.XXXXXX";
		ASSERT_TRUE(mkdtemp(name.data()));
		folder = name;
		path = getenv("PATH");
	}

	void TearDown() override
	{
		setenv("PATH", path.c_str(), 1);
		std::filesystem::remove_all(folder);
	}

	/// From now on this is gnuplot, a shell script.
	void pretend(const std::string &script)
	{
		std::filesystem::create_directory(folder + "/bin");
		const std::string gnuplot = folder + "/bin/gnuplot";
		std::ofstream(gnuplot) << "#!/bin/sh\n" << script;
		chmod(gnuplot.c_str(), 0755);
		setenv("PATH", (folder + "/bin:" + path).c_str(), 1);
	}

	/// The files that a plot left.
	std::vector<std::string> files() const
	{
		std::vector<std::string> names;
		for (const auto &entry : std::filesystem::directory_iterator(folder))
			if (entry.path().filename() != "bin")
				names.push_back(entry.path().filename());
		return names;
	}

	std::string folder, path;
};

TEST_F(Plot, IsAPicture)
{
	if (std::system("gnuplot --version >/dev/null 2>&1"))
		GTEST_SKIP() << "needs gnuplot (Debian: gnuplot-nox)";
	const Session session = busy(50, 12);
	plot(session, folder + "/a.svg");
	const std::string svg = contents(folder + "/a.svg");
	EXPECT_TRUE(svg.starts_with("<?xml"));
	EXPECT_TRUE(has(svg, "</svg>"));
	EXPECT_TRUE(has(svg, "<text>APIC_ACCESS</text>"));
	EXPECT_TRUE(has(svg, "<text>VM-Exits during make -j8 'it'\\''s_all'</text>"));
	EXPECT_TRUE(has(svg, "<text>&lt;2.0 us</text>"));

	plot(session, folder + "/a.png");
	const std::string png = contents(folder + "/a.png");
	EXPECT_TRUE(png.starts_with("\x89PNG\r\n"));
	EXPECT_TRUE(has(png, "IEND"));
	EXPECT_EQ(files().size(), 2U);
}

TEST_F(Plot, RunsNothingThatARecordingSays)
{
	if (std::system("gnuplot --version >/dev/null 2>&1"))
		GTEST_SKIP() << "needs gnuplot (Debian: gnuplot-nox)";
	Session session = one_second();
	for (const char *word :
	     {"''''; system 'touch bad", "\"; system \"touch bad", "`touch bad`",
	      "@bad $(touch bad)", "\\\"; !touch bad", "%s %d {/:Bold x} a_b^c ~a{b} & <b> # \\",
	      "\nexit\n", "$((i*1000)) *8 *77x"}) {
		session.command = {word};
		plot(session, folder + "/a.svg");
		const std::string svg = contents(folder + "/a.svg");
		// As it is, but for what XML and the shell write in another way.
		std::string text;
		for (const char c : std::string(word))
			text += c == '&'    ? "&amp;"
				: c == '<'  ? "&lt;"
				: c == '\'' ? "'\\''"
				: c == '\n' ? "?"
					    : std::string(1, c);
		EXPECT_TRUE(has(svg, "<text>VM-Exits during '" + text + "'</text>")) << text;
		EXPECT_FALSE(std::filesystem::exists("bad"));
	}
}

TEST_F(Plot, ReplacesAFile)
{
	pretend("cat >/dev/null; echo picture");
	std::ofstream(folder + "/a.svg") << "something else that is longer";
	plot(one_second(), folder + "/a.svg");
	EXPECT_EQ(contents(folder + "/a.svg"), "picture\n");
	EXPECT_EQ(files(), std::vector<std::string>{"a.svg"});
}

TEST_F(Plot, IsDrawnWhereTheEndOfChildrenIsIgnored)
{
	pretend("cat >/dev/null; echo picture");
	std::signal(SIGCHLD, SIG_IGN);
	EXPECT_EQ(complaint([&] { plot(one_second(), folder + "/a.svg"); }), "");
	std::signal(SIGCHLD, SIG_DFL);
}

TEST_F(Plot, IsNamedAfterItsFormat)
{
	for (const char *name : {"a", "a.pdf", "svg", "a.SVG", "a.png.txt", ""})
		try {
			plot(one_second(), name);
			ADD_FAILURE() << name;
		} catch (const std::invalid_argument &e) {
			EXPECT_EQ(e.what(),
				  std::string("a plot is FILE.svg or FILE.png, not ") + name);
		}
}

TEST_F(Plot, SaysWhatItNeeds)
{
	setenv("PATH", (folder + "/nothing").c_str(), 1);
	EXPECT_EQ(complaint([&] { plot(one_second(), folder + "/a.svg"); }),
		  "plot needs gnuplot (Debian: gnuplot-nox)");
	EXPECT_EQ(files(), std::vector<std::string>{});
}

TEST_F(Plot, SaysWhatGnuplotSays)
{
	std::ofstream(folder + "/a.svg") << "old";
	const std::pair<const char *, const char *> cases[] = {
		{"printf 'gnuplot> foo\\n  ^\\nline 7: is wrong\\n\\n' >&2; echo half; exit 3",
		 "gnuplot failed (status 3): line 7: is wrong"},
		{"exit 1", "gnuplot failed (status 1): without a message"},
		{"kill -9 $$", "gnuplot failed (signal 9): without a message"},
		{"echo no font >&2", "gnuplot failed (status 0): no font"},
	};
	for (const auto &[script, expected] : cases) {
		pretend(script);
		EXPECT_EQ(complaint([&] { plot(one_second(), folder + "/a.svg"); }), expected);
		EXPECT_EQ(contents(folder + "/a.svg"), "old");
		EXPECT_EQ(files(), std::vector<std::string>{"a.svg"});
	}
}

TEST_F(Plot, DoesNotHangOnMuchThatIsWritten)
{
	pretend("yes | head -c 1000000 >&2; yes | head -c 3000000; cat >/dev/null");
	plot(one_second(), folder + "/a.png");
	EXPECT_EQ(std::filesystem::file_size(folder + "/a.png"), 3'000'000U);
}

TEST_F(Plot, SaysThatItCannotWrite)
{
	pretend("echo picture");
	EXPECT_TRUE(has(complaint([&] { plot(one_second(), folder + "/no/a.svg"); }),
			"No such file or directory"));
	std::filesystem::create_directory(folder + "/dir.svg");
	EXPECT_NE(complaint([&] { plot(one_second(), folder + "/dir.svg"); }), "");
	EXPECT_EQ(files(), std::vector<std::string>{"dir.svg"});
}

} // namespace
