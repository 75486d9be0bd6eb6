#include "store/blobs.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <vector>

#include "base/ids.h"

namespace bimodal::store {
namespace {

namespace fs = std::filesystem;

class BlobsTest : public testing::Test {
 protected:
  BlobsTest() : directory_(fs::temp_directory_path() / ("bimodal-blobs-" + random_text(12))) {}
  ~BlobsTest() override { fs::remove_all(directory_); }

  fs::path directory_;
};

TEST_F(BlobsTest, GivesBackWhatWasPut) {
  Blobs blobs(directory_);
  auto digest = blobs.put("hello");
  ASSERT_TRUE(digest) << digest.error().message;
  EXPECT_EQ(*digest, sha256_hex("hello"));
  EXPECT_TRUE(blobs.contains(*digest));
  EXPECT_EQ(*blobs.read(*digest), "hello");
}

TEST_F(BlobsTest, RefusesContentThatDiffersFromItsAnnouncedDigest) {
  Blobs blobs(directory_);
  auto refused = blobs.put("hello", sha256_hex("other"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::InvalidArgument);
  EXPECT_FALSE(blobs.contains(sha256_hex("hello")));
}

TEST_F(BlobsTest, AdoptsAFileAndHashesItsContent) {
  Blobs blobs(directory_);
  fs::path file = blobs.temporary();
  std::string content(700'000, 'x');
  std::ofstream(file, std::ios::binary) << content;
  auto digest = blobs.adopt(file, sha256_hex(content));
  ASSERT_TRUE(digest) << digest.error().message;
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(blobs.read(*digest)->size(), content.size());
}

TEST_F(BlobsTest, FindsNothingUnderTextThatIsNoDigest) {
  Blobs blobs(directory_);
  EXPECT_FALSE(blobs.contains("../../etc/passwd"));
  EXPECT_EQ(blobs.read("").error().code, Code::NotFound);
  EXPECT_FALSE(Blobs::is_digest(std::string(64, 'A')));
}

TEST_F(BlobsTest, RemovesTemporaryFilesOfAnEarlierRun) {
  fs::path left;
  {
    Blobs blobs(directory_);
    left = blobs.temporary();
    std::ofstream(left) << "half";
  }
  Blobs blobs(directory_);
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(BlobsTest, LetsManyThreadsPutTheSameContent) {
  Blobs blobs(directory_);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&blobs] {
      for (int k = 0; k < 20; ++k) EXPECT_TRUE(blobs.put("content " + std::to_string(k)));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(fs::is_empty(directory_ / "tmp"));
}

TEST_F(BlobsTest, NamesAFullDiskAndLeavesNothingHalfWritten) {
  fs::create_directories(directory_);
  if (::mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "only root can mount a small tmpfs";
  }
  {
    Blobs blobs(directory_);
    auto refused = blobs.put(std::string(1 << 20, 'x'));
    EXPECT_FALSE(refused);
    if (!refused) EXPECT_EQ(refused.error().code, Code::ResourceExhausted) << refused.error().message;
    EXPECT_TRUE(fs::is_empty(directory_ / "tmp"));
    EXPECT_TRUE(blobs.put("small"));
  }
  EXPECT_EQ(::umount(directory_.c_str()), 0);
}

}  // namespace
}  // namespace bimodal::store
