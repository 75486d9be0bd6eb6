#include "image/layer_view.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "image/test_directory.h"

namespace bimodal::image {
namespace {

namespace fs = std::filesystem;

class LayerViewTest : public testing::Test {
 protected:
  LayerViewTest() {
    fs::create_directory(directory_ / "low");
    fs::create_directory(directory_ / "high");
  }

  LayerView view() const { return LayerView({directory_ / "low", directory_ / "high"}); }

  bool shows(const std::string& path) const {
    auto entry = view().resolve(path, LayerView::LastLink::Keep);
    return entry && entry->exists();
  }

  void hide(const std::string& name) {
    fs::path place = directory_ / name;
    fs::create_directories(place.parent_path());
    if (::mknod(place.c_str(), S_IFCHR, makedev(0, 0)) != 0) GTEST_SKIP() << "whiteouts need mknod";
  }

  TestDirectory directory_;
};

TEST_F(LayerViewTest, ShowsTheUpperFileOverTheLower) {
  directory_.write("low/a", "low");
  directory_.write("high/a", "high");
  EXPECT_EQ(view().read("/a"), "high");
}

TEST_F(LayerViewTest, MergesDirectories) {
  directory_.write("low/d/a", "a");
  directory_.write("high/d/b", "b");
  EXPECT_EQ(view().read("/d/a"), "a");
  EXPECT_EQ(view().read("/d/b"), "b");
}

TEST_F(LayerViewTest, HidesWhatAWhiteoutCovers) {
  directory_.write("low/d/a", "a");
  hide("high/d/a");
  EXPECT_FALSE(shows("/d/a"));
  EXPECT_TRUE(shows("/d"));
}

TEST_F(LayerViewTest, HidesWhatLiesBelowAnOpaqueDirectory) {
  directory_.write("low/d/a", "a");
  directory_.write("high/d/b", "b");
  ASSERT_EQ(::setxattr((directory_ / "high/d").c_str(), "user.overlay.opaque", "y", 1, 0), 0);
  EXPECT_FALSE(shows("/d/a"));
  EXPECT_TRUE(shows("/d/b"));
}

TEST_F(LayerViewTest, HidesADirectoryBelowAFile) {
  directory_.write("low/x/a", "a");
  directory_.write("high/x", "file");
  EXPECT_FALSE(view().resolve("/x/a", LayerView::LastLink::Keep));
  EXPECT_EQ(view().read("/x"), "file");
}

TEST_F(LayerViewTest, FollowsLinksAcrossLayersAndNeverLeavesTheImage) {
  directory_.write("low/usr/lib/x", "x");
  fs::create_symlink("usr/lib", directory_ / "low/lib");
  fs::create_symlink("/lib/x", directory_ / "high/abs");
  fs::create_symlink("../../../etc", directory_ / "low/usr/out");
  EXPECT_EQ(view().read("/lib/x"), "x");
  EXPECT_EQ(view().read("/abs"), "x");
  auto out = view().resolve("/usr/out/new", LayerView::LastLink::Keep);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->path, "/etc/new");
  EXPECT_FALSE(out->exists());
}

TEST_F(LayerViewTest, KeepsTheLastLinkWhenAsked) {
  fs::create_symlink("target", directory_ / "low/link");
  auto kept = view().resolve("/link", LayerView::LastLink::Keep);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->is_link());
  EXPECT_EQ(view().resolve("/link", LayerView::LastLink::Follow)->path, "/target");
}

TEST_F(LayerViewTest, GivesUpOnLinksThatLeadInCircles) {
  fs::create_symlink("b", directory_ / "low/a");
  fs::create_symlink("a", directory_ / "low/b");
  EXPECT_FALSE(view().resolve("/a", LayerView::LastLink::Follow));
}

TEST(NormalizePath, ResolvesDotsWithoutTheDisk) {
  EXPECT_EQ(normalize_path("a/./b/../c/", "/x"), "/x/a/c");
  EXPECT_EQ(normalize_path("/../.."), "/");
  EXPECT_EQ(normalize_path("."), "/");
}

}  // namespace
}  // namespace bimodal::image
