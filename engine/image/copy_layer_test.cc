#include "image/copy_layer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/test_directory.h"

namespace bimodal::image {
namespace {

namespace fs = std::filesystem;

class CopyLayerTest : public testing::Test {
 protected:
  CopyLayerTest() {
    fs::create_directory(directory_ / "tree");
    directory_.write("below/etc/passwd", "app:x:1000:1001::/home/app:/bin/sh\n");
    directory_.write("below/etc/group", "staff:x:50:\n");
    directory_.write("below/srv/old", "old");
    fs::create_directories(directory_ / "below/tmp");
    ::chmod((directory_ / "below/tmp").c_str(), 01777);
  }

  CopySource file(const std::string& name, std::string_view content, unsigned mode = 0644) {
    CopySource source{.name = name};
    source.files.emplace_back("", ContextEntry{directory_.write("context/" + name, content), mode, name});
    return source;
  }

  Result<void> write(const CopyStep& step) { return write_copy(step, {directory_ / "below"}, directory_ / "tree"); }

  std::string written(const std::string& path) const { return content_of(directory_ / "tree" / path); }

  struct stat attributes(const std::string& path) const {
    struct stat out = {};
    EXPECT_EQ(::lstat((directory_ / "tree" / path).c_str(), &out), 0) << path;
    return out;
  }

  TestDirectory directory_;
};

TEST_F(CopyLayerTest, NamesAFileAsTheDestination) {
  ASSERT_TRUE(write({.sources = {file("a", "text", 0755)}, .destination = "/x/y/b"}));
  EXPECT_EQ(written("x/y/b"), "text");
  EXPECT_EQ(attributes("x/y/b").st_mode & 07777, 0755u);
  EXPECT_EQ(attributes("x").st_mode & 07777, 0755u);
}

TEST_F(CopyLayerTest, PutsAFileIntoADirectoryThatExistsInTheImage) {
  ASSERT_TRUE(write({.sources = {file("a", "text")}, .destination = "/srv"}));
  EXPECT_EQ(written("srv/a"), "text");
}

TEST_F(CopyLayerTest, PutsFilesIntoADirectoryThatIsNamedAsOne) {
  ASSERT_TRUE(write({.sources = {file("a", "1"), file("b", "2")}, .destination = "/new", .into_directory = true}));
  EXPECT_EQ(written("new/a"), "1");
  EXPECT_EQ(written("new/b"), "2");
}

TEST_F(CopyLayerTest, CopiesTheContentOfADirectory) {
  CopySource source{.is_directory = true};
  source.files.emplace_back("d/a", file("a", "1").files[0].second);
  ASSERT_TRUE(write({.sources = {source}, .destination = "/"}));
  EXPECT_EQ(written("d/a"), "1");
}

TEST_F(CopyLayerTest, KeepsTheModeOfDirectoriesThatExist) {
  ASSERT_TRUE(write({.sources = {file("a", "1")}, .destination = "/tmp/"}));
  EXPECT_EQ(attributes("tmp").st_mode & 07777, 01777u);
}

TEST_F(CopyLayerTest, LetsTheLaterSourceWin) {
  ASSERT_TRUE(write({.sources = {file("d1/a", "1"), file("d2/a", "2")}, .destination = "/srv/x"}));
  EXPECT_EQ(written("srv/x"), "2");
}

TEST_F(CopyLayerTest, AppliesChmodToFiles) {
  ASSERT_TRUE(write({.sources = {file("a", "1")}, .destination = "/x", .chmod = 0711}));
  EXPECT_EQ(attributes("x").st_mode & 07777, 0711u);
}

TEST_F(CopyLayerTest, GivesFilesToTheUserOfTheImage) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  ASSERT_TRUE(write({.sources = {file("a", "1")}, .destination = "/x/a", .chown = "app:staff"}));
  EXPECT_EQ(attributes("x/a").st_uid, 1000u);
  EXPECT_EQ(attributes("x/a").st_gid, 50u);
}

TEST_F(CopyLayerTest, NamesAnUnknownUser) {
  auto done = write({.sources = {file("a", "1")}, .destination = "/x", .chown = "nobody-here"});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "the image has no user nobody-here");
}

TEST_F(CopyLayerTest, WritesInlineFiles) {
  ASSERT_TRUE(write({.sources = {{.name = "x", .content = "inline\n"}}, .destination = "/etc/conf"}));
  EXPECT_EQ(written("etc/conf"), "inline\n");
}

TEST_F(CopyLayerTest, RefusesADirectoryInThePlaceOfAFile) {
  CopySource source{.is_directory = true};
  source.files.emplace_back("a", file("a", "1").files[0].second);
  auto done = write({.sources = {source}, .destination = "/srv/old"});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("/srv/old in the image is a file"), std::string::npos);
}

TEST_F(CopyLayerTest, RefusesToUnpackArchivesWithAdd) {
  auto done = write({.is_add = true, .sources = {file("a.tgz", "\x1f\x8b rest")}, .destination = "/x"});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("use COPY"), std::string::npos);
  EXPECT_TRUE(write({.is_add = true, .sources = {file("a.txt", "text")}, .destination = "/x"}));
}

TEST_F(CopyLayerTest, MakesADirectoryOnlyWhenItIsMissing) {
  EXPECT_FALSE(*write_directory("/srv", {directory_ / "below"}, directory_ / "tree"));
  EXPECT_TRUE(*write_directory("/srv/deep/er", {directory_ / "below"}, directory_ / "tree"));
  EXPECT_TRUE(fs::is_directory(directory_ / "tree/srv/deep/er"));
}

}  // namespace
}  // namespace bimodal::image
