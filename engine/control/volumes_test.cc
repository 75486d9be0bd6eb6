// Volumes without a container: their files over the API, the states that containers mount, the changes that they make.
#include "control/volumes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>

#include "control/mounted_volume.h"
#include "control/service_fixture.h"
#include "control/volume_blocks.h"
#include "control/volume_files.h"
#include "control/volume_paths.h"
#include "control/volume_tree.h"

namespace bimodal::control {
namespace {

namespace fs = std::filesystem;

using Paths = std::vector<std::string>;

class VolumesTest : public ServiceTest {
 protected:
  VolumesTest() {
    EXPECT_TRUE(transact([](store::Transaction& transaction) {
      return transaction.run("INSERT INTO environments VALUES ('en-1', 'main', '', 1, 0)");
    }));
    api::VolumeGetOrCreateRequest request;
    request.set_deployment_name("v");
    request.set_object_creation_type(api::OBJECT_CREATION_TYPE_CREATE_IF_MISSING);
    auto made = call<api::VolumeGetOrCreateResponse>("VolumeGetOrCreate", request).value();
    EXPECT_EQ(made.metadata().version(), api::VOLUME_FS_VERSION_V1);
    volume_ = made.volume_id();
    fs::create_directories(upper_);
  }

  Result<rpc::Empty> put(const std::string& path, const std::string& content, bool overwrite = true) {
    api::VolumePutFilesRequest request;
    request.set_volume_id(volume_);
    request.set_disallow_overwrite_existing_files(!overwrite);
    auto& file = *request.add_files();
    file.set_filename(path);
    file.set_sha256_hex(blobs_.put(content).value());
    return call<rpc::Empty>("VolumePutFiles", request);
  }

  Paths list(const std::string& path = "/", bool recursive = true) {
    api::VolumeListFilesRequest request;
    request.set_volume_id(volume_);
    request.set_path(path);
    request.set_recursive(recursive);
    std::vector<api::VolumeListFilesResponse> batches;
    EXPECT_TRUE(stream("VolumeListFiles", request, batches));
    Paths paths;
    for (const auto& batch : batches) {
      for (const auto& entry : batch.entries()) paths.push_back(entry.path());
    }
    return paths;
  }

  Result<rpc::Empty> remove(const std::string& path, bool recursive) {
    api::VolumeRemoveFileRequest request;
    request.set_volume_id(volume_);
    request.set_path(path);
    request.set_recursive(recursive);
    return call<rpc::Empty>("VolumeRemoveFile", request);
  }

  Result<rpc::Empty> copy(const Paths& sources, const std::string& target, bool recursive) {
    api::VolumeCopyFilesRequest request;
    request.set_volume_id(volume_);
    for (const auto& source : sources) request.add_src_paths(source);
    request.set_dst_path(target);
    request.set_recursive(recursive);
    return call<rpc::Empty>("VolumeCopyFiles", request);
  }

  void write(const std::string& path, const std::string& content) { std::ofstream(upper_ / path) << content; }

  bool commit() {
    Result<bool> committed = false;
    loop_.run_blocking(commit_into(committed));
    EXPECT_TRUE(committed);
    return committed.value_or(false);
  }

  Result<runtime::Volume::Tree> newest(const std::string& sub_path = "") {
    Result<runtime::Volume::Tree> tree = nullptr;
    loop_.run_blocking(newest_into(sub_path, tree));
    return tree;
  }

  static std::string read(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string volume_;
  const fs::path upper_ = home_ / "upper";
  BlobTransfers transfers_{blobs_};
  Volumes volumes_{context_, service_};
  VolumeFiles files_{context_, transfers_, service_};
  VolumeTrees trees_{context_};
  std::unique_ptr<MountedVolume> mounted_;

 private:
  Task<void> commit_into(Result<bool>& committed) {
    if (!mounted_) mounted_ = std::make_unique<MountedVolume>(context_, trees_, volume_, "");
    committed = co_await mounted_->commit(upper_);
  }
  Task<void> newest_into(std::string sub_path, Result<runtime::Volume::Tree>& tree) {
    tree = co_await trees_.newest(volume_, sub_path);
  }
};

TEST_F(VolumesTest, FilesArePutListedCopiedAndRemoved) {
  ASSERT_TRUE(put("/a/b/one", "1") && put("two", "2"));
  EXPECT_EQ(list(), (Paths{"a", "a/b", "a/b/one", "two"}));
  EXPECT_EQ(list("a", false), Paths{"a/b"});
  EXPECT_EQ(list("two", false), Paths{"two"});
  EXPECT_EQ(put("two", "3", false).error().code, Code::AlreadyExists);
  EXPECT_EQ(put("a/b", "x").error().code, Code::InvalidArgument) << "a directory";
  EXPECT_EQ(put("two/x", "x").error().code, Code::InvalidArgument) << "below a file";
  ASSERT_TRUE(copy({"two", "a/b/one"}, "a", false));
  ASSERT_TRUE(copy({"a"}, "c", true));
  EXPECT_EQ(list("c"), (Paths{"c/b", "c/b/one", "c/one", "c/two"}));
  EXPECT_EQ(copy({"a"}, "a/b/into", true).error().code, Code::InvalidArgument);
  EXPECT_EQ(copy({"a"}, "d", false).error().code, Code::InvalidArgument);
  EXPECT_EQ(copy({"none"}, "d", false).error().code, Code::NotFound);
  EXPECT_EQ(remove("a", false).error().code, Code::InvalidArgument);
  EXPECT_EQ(remove("none", true).error().code, Code::NotFound);
  ASSERT_TRUE(remove("a", true) && remove("two", false) && remove("c", true));
  EXPECT_EQ(list(), Paths{});
}

TEST_F(VolumesTest, PathsLeadNowhereElse) {
  for (const char* bad : {"..", "a/../b", "/../x", "a/.."}) EXPECT_FALSE(volume_path(bad)) << bad;
  EXPECT_FALSE(volume_path(std::string("a\0b", 3)));
  EXPECT_FALSE(volume_path(std::string(256, 'n')));
  EXPECT_EQ(volume_path("//a/./b//").value(), "a/b");
  EXPECT_EQ(put("x/../../y", "1").error().code, Code::InvalidArgument);
}

TEST_F(VolumesTest, BlocksBecomeOneBlob) {
  const std::string first(VolumeFiles::kBlockBytes, 'a');
  api::VolumePutFiles2Request request;
  request.set_volume_id(volume_);
  auto& file = *request.add_files();
  file.set_path("/sparse");
  file.set_size(2 * VolumeFiles::kBlockBytes + 5);
  auto add = [&](const std::string& content) {
    const std::string hex = sha256_hex(content);
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    file.add_blocks()->set_contents_sha256(bytes);
  };
  add(first);
  add("");    // zeros alone
  add("en");  // with zeros behind
  auto missing = call<api::VolumePutFiles2Response>("VolumePutFiles2", request).value();
  ASSERT_EQ(missing.missing_blocks_size(), 2);
  EXPECT_EQ(missing.missing_blocks(1).block_index(), 2u);
  ASSERT_TRUE(blobs_.put(first) && blobs_.put("en"));
  EXPECT_EQ(call<api::VolumePutFiles2Response>("VolumePutFiles2", request).value().missing_blocks_size(), 0);
  const auto tree = newest().value();
  EXPECT_EQ(read(*tree / "sparse"), first + std::string(VolumeFiles::kBlockBytes, '\0') + std::string("en\0\0\0", 5));

  api::VolumeGetFile2Request get;
  get.set_volume_id(volume_);
  get.set_path("sparse");
  get.set_start(VolumeFiles::kBlockBytes - 1);
  get.set_len(3);
  const auto parts = call<api::VolumeGetFile2Response>("VolumeGetFile2", get).value();
  EXPECT_EQ(parts.get_urls_size(), 2);
  EXPECT_EQ(parts.len(), 3u);
  const std::string& url = parts.get_urls(1);
  const auto part = transfers_.open_download(url.substr(url.rfind('/') + 1)).value();
  EXPECT_EQ(part.offset, VolumeFiles::kBlockBytes);
  EXPECT_EQ(part.size, 2u);
}

TEST_F(VolumesTest, AnUpperDirectoryBecomesTheNextState) {
  ASSERT_TRUE(put("gone", "1") && put("dir/old", "1") && put("kept", "1"));
  const auto before = newest().value();
  write("new", "content");
  fs::create_directory(upper_ / "dir");
  ASSERT_EQ(::setxattr((upper_ / "dir").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  write("dir/fresh", "2");
  ASSERT_EQ(::mknod((upper_ / "gone").c_str(), S_IFCHR, makedev(0, 0)), 0);
  ASSERT_EQ(::mkfifo((upper_ / "pipe").c_str(), 0600), 0);
  fs::create_symlink("/etc/shadow", upper_ / "link");
  EXPECT_TRUE(commit());
  EXPECT_EQ(list(), (Paths{"dir", "dir/fresh", "kept", "link", "new"}));
  EXPECT_FALSE(commit()) << "nothing new";

  const auto after = newest().value();
  EXPECT_NE(before, after);
  EXPECT_EQ(read(*after / "new"), "content");
  EXPECT_EQ(fs::read_symlink(*after / "link"), "/etc/shadow");
  EXPECT_EQ(read(*before / "gone"), "1") << "what is mounted stays";
  EXPECT_EQ(newest().value(), after) << "no second one";

  fs::remove(upper_ / "new");
  write("dir/fresh", "3");
  EXPECT_TRUE(commit());
  EXPECT_EQ(list(), (Paths{"dir", "dir/fresh", "kept", "link"}));
}

TEST_F(VolumesTest, ACommitTakesOnlyWhatIsNewAndTheLastOneWins) {
  write("mine", "1");
  write("ours", "1");
  ASSERT_TRUE(commit());
  ASSERT_TRUE(put("ours", "theirs"));
  write("mine", "2");
  ASSERT_TRUE(commit());
  EXPECT_EQ(read(*newest().value() / "ours"), "theirs") << "unchanged here since the last commit";
  EXPECT_EQ(read(*newest().value() / "mine"), "2");
}

TEST_F(VolumesTest, AFileOfTheContainerIsCopiedAndNeverShared) {
  write("file", std::string(1 << 20, 'x'));
  ASSERT_TRUE(commit());
  std::ofstream(upper_ / "file", std::ios::app) << "tampered";
  const auto tree = newest().value();
  EXPECT_EQ(fs::file_size(*tree / "file"), std::uintmax_t{1} << 20);
  EXPECT_EQ(blobs_.read(sha256_hex(std::string(1 << 20, 'x'))).value().size(), std::size_t{1} << 20);
}

TEST_F(VolumesTest, ASubPathIsMadeAndMountedAlone) {
  ASSERT_TRUE(put("a/file", "1"));
  const auto part = newest("a").value();
  EXPECT_EQ(read(*part / "file"), "1");
  EXPECT_TRUE(fs::is_directory(*newest("new/place").value()));
  EXPECT_EQ(newest("a/file").error().code, Code::InvalidArgument);
  EXPECT_EQ(newest("a/file/below").error().code, Code::InvalidArgument);
}

TEST_F(VolumesTest, ATreeGoesWithItsLastHolder) {
  ASSERT_TRUE(put("x", "1"));
  auto first = newest().value();
  const fs::path root = *first;
  ASSERT_TRUE(put("x", "2"));
  const auto second = newest().value();
  EXPECT_TRUE(fs::exists(root));
  first.reset();
  EXPECT_FALSE(fs::exists(root));
  EXPECT_EQ(read(*second / "x"), "2");
}

TEST_F(VolumesTest, ATreeIsNotMadeThroughASymbolicLink) {
  const std::string content = blobs_.put("1").value();
  const std::vector<store::VolumeEntry> entries = {
      {.path = "link", .type = store::EntryType::Symlink, .content = home_.string()},
      {.path = "link/escaped", .type = store::EntryType::File, .content = content}};
  EXPECT_EQ(make_volume_tree(blobs_, entries, home_ / "tree").error().code, Code::DataLoss);
  EXPECT_FALSE(fs::exists(home_ / "escaped"));
}

}  // namespace
}  // namespace bimodal::control
