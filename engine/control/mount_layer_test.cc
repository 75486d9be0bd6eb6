#include "control/mount_layer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/ids.h"

namespace bimodal::control {
namespace {

namespace fs = std::filesystem;

MountedFile file(std::string path, const std::string& content = "x", unsigned mode = 0644) {
  return MountedFile{std::move(path), sha256_hex(content), mode};
}

std::vector<MountedFile> canonical_of(std::vector<MountedFile> files) {
  return *canonical(std::move(files));
}

class MountLayerTest : public testing::Test {
 protected:
  MountLayerTest()
      : home_(fs::temp_directory_path() / ("bimodal-mounts-" + random_text(12))), blobs_(home_ / "blobs") {}
  ~MountLayerTest() override { fs::remove_all(home_); }

  static unsigned mode_of(const fs::path& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  fs::path home_;
  store::Blobs blobs_;
};

TEST(MountPaths, ThatLeadOutsideAreRefused) {
  for (std::string path : {"/root/../../etc/passwd", "root/a.py", "", "/", "//", "/root/", "/..", "..", "/root/.."}) {
    auto refused = canonical({file(path)});
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().code, Code::InvalidArgument);
  }
  EXPECT_FALSE(canonical({file(std::string("/root/a\0.py", 11))}));
  EXPECT_FALSE(canonical({file("/root/" + std::string(256, 'x'))}));
}

TEST(MountPaths, AreNormalised) {
  EXPECT_EQ(canonical_of({file("//root/./a//b.py")}).front().path, "/root/a/b.py");
}

TEST(MountPaths, BelowAnotherFileAreRefused) {
  auto refused = canonical({file("/root/a"), file("/root/a/b")});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("/root/a/b"), std::string::npos);
}

TEST(MountId, DependsOnContentAndNotOnOrder) {
  auto one = canonical_of({file("/root/a", "1"), file("/root/b", "2")});
  auto same = canonical_of({file("/root/b", "2"), file("/root/a", "1")});
  auto other = canonical_of({file("/root/a", "1"), file("/root/b", "3")});
  auto executable = canonical_of({file("/root/a", "1", 0755), file("/root/b", "2")});
  EXPECT_EQ(mount_id_of(one), mount_id_of(same));
  EXPECT_NE(mount_id_of(one), mount_id_of(other));
  EXPECT_NE(mount_id_of(one), mount_id_of(executable));
}

TEST(MountId, IgnoresModeBitsThatContainersDoNotSee) {
  EXPECT_EQ(
      mount_id_of(canonical_of({file("/root/a", "1", 0600)})), mount_id_of(canonical_of({file("/root/a", "1", 0644)})));
  EXPECT_EQ(canonical_of({file("/root/a", "1", 04755)}).front().mode, 0755u);
}

TEST_F(MountLayerTest, HoldsTheFilesAtTheirPathsReadableByAll) {
  ASSERT_TRUE(blobs_.put("print(1)"));
  ASSERT_TRUE(blobs_.put("#!/bin/sh"));
  auto files = canonical_of({file("/root/pkg/a.py", "print(1)", 0600), file("/usr/local/bin/run", "#!/bin/sh", 0755)});
  fs::path layer = home_ / "layers" / "mo-1";
  auto made = make_mount_layer(blobs_, files, layer);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(mode_of(layer / "root/pkg/a.py"), 0644u);
  EXPECT_EQ(mode_of(layer / "usr/local/bin/run"), 0755u);
  EXPECT_EQ(mode_of(layer / "root"), 0755u);
  EXPECT_EQ(mode_of(layer), 0755u);
  EXPECT_TRUE(fs::equivalent(layer / "root/pkg/a.py", blobs_.path_of(sha256_hex("print(1)"))));
  EXPECT_EQ(std::distance(fs::directory_iterator(home_ / "layers"), {}), 1);
}

TEST_F(MountLayerTest, KeepsSharedDirectoriesWritable) {
  ASSERT_TRUE(blobs_.put("x"));
  ASSERT_TRUE(make_mount_layer(blobs_, canonical_of({file("/var/tmp/a")}), home_ / "mo-1"));
  EXPECT_EQ(mode_of(home_ / "mo-1/var/tmp"), 01777u);
}

TEST_F(MountLayerTest, FollowsTheLinksAtTheRootOfAnImage) {
  ASSERT_TRUE(blobs_.put("x"));
  ASSERT_TRUE(make_mount_layer(blobs_, canonical_of({file("/bin/tool"), file("/binary/tool")}), home_ / "mo-1"));
  EXPECT_TRUE(fs::exists(home_ / "mo-1/usr/bin/tool"));
  EXPECT_FALSE(fs::exists(home_ / "mo-1/bin"));
  EXPECT_TRUE(fs::exists(home_ / "mo-1/binary/tool"));
}

TEST_F(MountLayerTest, NamesTheFileThatWasNeverUploadedAndLeavesNothing) {
  auto refused = make_mount_layer(blobs_, canonical_of({file("/root/a.py", "gone")}), home_ / "layers" / "mo-1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::FailedPrecondition);
  EXPECT_NE(refused.error().message.find("/root/a.py"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(home_ / "layers"));
}

TEST_F(MountLayerTest, OfManyFilesIsMadeOnce) {
  ASSERT_TRUE(blobs_.put("x"));
  std::vector<MountedFile> files;
  for (int i = 0; i < 500; ++i) files.push_back(file(fmt::format("/root/d{}/f{}", i % 7, i)));
  files = canonical_of(std::move(files));
  ASSERT_TRUE(make_mount_layer(blobs_, files, home_ / "mo-1"));
  EXPECT_TRUE(make_mount_layer(blobs_, files, home_ / "mo-1"));
  EXPECT_TRUE(fs::exists(home_ / "mo-1/root/d3/f451"));
}

}  // namespace
}  // namespace bimodal::control
