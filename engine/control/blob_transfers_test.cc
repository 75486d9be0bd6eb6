#include "control/blob_transfers.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/ids.h"

namespace bimodal::control {
namespace {

namespace fs = std::filesystem;

class BlobTransfersTest : public testing::Test {
 protected:
  BlobTransfersTest()
      : directory_(fs::temp_directory_path() / ("bimodal-transfers-" + random_text(12))),
        blobs_(directory_),
        transfers_(blobs_) {}
  ~BlobTransfersTest() override { fs::remove_all(directory_); }

  static void write(const fs::path& file, const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
  }

  fs::path directory_;
  store::Blobs blobs_;
  BlobTransfers transfers_;
  std::string digest_ = sha256_hex("hello");
};

TEST_F(BlobTransfersTest, TakeAnUploadAndGiveItBack) {
  std::string ticket = transfers_.upload_ticket(digest_, 5);
  auto file = transfers_.open_upload(ticket, 5);
  ASSERT_TRUE(file) << file.error().message;
  write(*file, "hello");
  ASSERT_TRUE(transfers_.commit_upload(ticket));
  auto download = transfers_.open_download(transfers_.download_ticket(digest_));
  ASSERT_TRUE(download);
  EXPECT_EQ(fs::file_size(download->file), 5u);
}

TEST_F(BlobTransfersTest, RefuseContentThatWasNotAnnounced) {
  std::string ticket = transfers_.upload_ticket(digest_, 5);
  EXPECT_EQ(transfers_.open_upload(ticket, 6).error().code, Code::InvalidArgument);
  auto file = transfers_.open_upload(ticket, 5);
  ASSERT_TRUE(file);
  write(*file, "jello");
  EXPECT_EQ(transfers_.commit_upload(ticket).error().code, Code::InvalidArgument);
  EXPECT_FALSE(fs::exists(*file));
  EXPECT_FALSE(blobs_.contains(digest_));
}

TEST_F(BlobTransfersTest, LetARetryReplaceAnUploadThatBrokeOff) {
  std::string ticket = transfers_.upload_ticket(digest_, 5);
  auto broken = transfers_.open_upload(ticket, 5);
  ASSERT_TRUE(broken);
  write(*broken, "hel");
  auto retried = transfers_.open_upload(ticket, 5);
  ASSERT_TRUE(retried);
  EXPECT_FALSE(fs::exists(*broken));
  write(*retried, "hello");
  EXPECT_TRUE(transfers_.commit_upload(ticket));
}

TEST_F(BlobTransfersTest, GiveNothingForTheWrongTicket) {
  EXPECT_EQ(transfers_.open_download(transfers_.upload_ticket(digest_, 5)).error().code, Code::NotFound);
  EXPECT_EQ(transfers_.open_upload(transfers_.download_ticket(digest_), 0).error().code, Code::NotFound);
  EXPECT_EQ(transfers_.open_download("../../state.db").error().code, Code::NotFound);
  EXPECT_EQ(transfers_.open_download(transfers_.download_ticket(digest_)).error().code, Code::NotFound);
  EXPECT_EQ(transfers_.commit_upload(transfers_.upload_ticket(digest_, 5)).error().code, Code::NotFound);
}

TEST(BlobIds, CarryTheDigest) {
  std::string digest = sha256_hex("x");
  EXPECT_EQ(digest_of_blob(blob_id_of(digest)), digest);
  EXPECT_EQ(digest_of_blob("bl-nothing"), "");
  EXPECT_EQ(digest_of_blob(digest), "");
}

}  // namespace
}  // namespace bimodal::control
