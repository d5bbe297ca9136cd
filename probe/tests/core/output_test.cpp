// SPDX-License-Identifier: GPL-2.0
/// \file
/// Where output goes: what -o replaces, what it follows, and what it writes to as it is.
#include "core/output.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace exitstat;
namespace fs = std::filesystem;

namespace
{

class ReplaceFile : public testing::Test
{
protected:
	fs::path folder;

	void SetUp() override
	{
		std::string name = (fs::temp_directory_path() / "exitstat.XXXXXX").string();
		ASSERT_TRUE(mkdtemp(name.data()));
		folder = name;
	}

	void TearDown() override
	{
		fs::remove_all(folder);
	}

	std::string path(const char *name) const
	{
		return (folder / name).string();
	}

	static std::string content(const std::string &path)
	{
		std::ostringstream text;
		text << std::ifstream(path).rdbuf();
		return text.str();
	}

	std::size_t files() const
	{
		return std::size_t(
			std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
	}
};

TEST_F(ReplaceFile, IsAnotherFileOfThatName)
{
	replace_file(path("file"), "old");
	std::ifstream reader(path("file"));
	replace_file(path("file"), "new");
	EXPECT_EQ(content(path("file")), "new");
	std::ostringstream still;
	still << reader.rdbuf();
	EXPECT_EQ(still.str(), "old") << "whoever reads it sees one of them whole";
	EXPECT_EQ(files(), 1U);
}

TEST_F(ReplaceFile, ASymbolicLinkStaysOne)
{
	fs::create_directory(path("there"));
	replace_file(path("there/file"), "old");
	fs::create_symlink("there/file", path("relative"));
	fs::create_symlink(path("relative"), path("absolute"));
	std::ifstream reader(path("there/file"));
	replace_file(path("absolute"), "new");
	EXPECT_TRUE(fs::is_symlink(path("absolute")));
	EXPECT_TRUE(fs::is_symlink(path("relative")));
	EXPECT_EQ(content(path("there/file")), "new");
	std::ostringstream still;
	still << reader.rdbuf();
	EXPECT_EQ(still.str(), "old") << "the target is replaced, too";
	EXPECT_EQ(files(), 3U);
}

TEST_F(ReplaceFile, ASymbolicLinkToNothingYet)
{
	fs::create_symlink("file", path("link"));
	replace_file(path("link"), "new");
	EXPECT_TRUE(fs::is_symlink(path("link")));
	EXPECT_EQ(content(path("file")), "new");

	fs::create_symlink("round", path("round"));
	EXPECT_THROW(replace_file(path("round"), "new"), std::system_error);
}

TEST_F(ReplaceFile, WhatIsOpenIsWrittenTo)
{
	replace_file(path("file"), "");
	const int fd = open(path("file").c_str(), O_WRONLY);
	const std::string name = "/proc/self/fd/" + std::to_string(fd);
	fs::create_symlink(name, path("link"));
	for (const std::string &way : {name, "/dev/fd/" + std::to_string(fd), path("link")})
		replace_file(way, "a line\n");
	close(fd);
	EXPECT_EQ(content(path("file")), "a line\na line\na line\n");
	EXPECT_TRUE(fs::is_symlink(path("link")));
}

TEST_F(ReplaceFile, ADeviceStaysOne)
{
	fs::create_symlink("/dev/null", path("link"));
	replace_file(path("link"), "text");
	EXPECT_TRUE(fs::is_symlink(path("link")));
	EXPECT_TRUE(fs::is_character_file("/dev/null"));
	EXPECT_THROW(replace_file("/dev/full", "text"), std::system_error);

	ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
	const int reader = open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
	replace_file(path("pipe"), "text");
	char text[8];
	EXPECT_EQ(read(reader, text, sizeof(text)), 4);
	close(reader);
	EXPECT_TRUE(fs::is_fifo(path("pipe")));
}

TEST(WriteAll, TellsAClosedPipeFromAFullDisk)
{
	block_sigpipe();
	int fds[2];
	ASSERT_EQ(pipe(fds), 0);
	close(fds[0]);
	EXPECT_THROW(write_all(fds[1], "text", "it"), ClosedPipe);
	close(fds[1]);
	const int full = open("/dev/full", O_WRONLY);
	try {
		write_all(full, "text", "it");
		ADD_FAILURE() << "it is full";
	} catch (const ClosedPipe &) {
		ADD_FAILURE() << "it is no pipe";
	} catch (const std::system_error &e) {
		EXPECT_STREQ(e.what(), "cannot write to it: No space left on device");
	}
	close(full);
}

} // namespace
