#include "control/mounts.h"

#include <gtest/gtest.h>

#include "control/blobs.h"
#include "control/fake_builder.h"
#include "control/mount_records.h"
#include "control/service_fixture.h"

namespace bimodal::control {
namespace {

class MountsTest : public ServiceTest {
 protected:
  MountsTest() {
    context_.builder = &builder_;
    context_.settings.web_port = 4321;
  }

  Result<api::MountPutFileResponse> put(const std::string& digest, const std::string& content) {
    api::MountPutFileRequest request;
    request.set_sha256_hex(digest);
    request.set_data(content);
    return call<api::MountPutFileResponse>("MountPutFile", request);
  }
  Result<api::MountGetOrCreateResponse> create(const std::string& path, const std::string& content) {
    api::MountGetOrCreateRequest request;
    auto& file = *request.add_files();
    file.set_filename(path);
    file.set_sha256_hex(sha256_hex(content));
    file.set_mode(0644);
    return call<api::MountGetOrCreateResponse>("MountGetOrCreate", request);
  }
  Result<api::MountGetOrCreateResponse> by_name(const std::string& name) {
    api::MountGetOrCreateRequest request;
    request.set_deployment_name(name);
    request.set_namespace_(api::DEPLOYMENT_NAMESPACE_GLOBAL);
    return call<api::MountGetOrCreateResponse>("MountGetOrCreate", request);
  }

  FakeBuilder builder_{loop_.executor(), home_ / "layers"};
  Mounts mounts_{context_, service_};
  BlobTransfers transfers_{blobs_};
  Blobs blob_rpcs_{context_, transfers_, service_};
};

TEST_F(MountsTest, SayWhichFilesAreMissingUntilTheyAreThere) {
  std::string digest = sha256_hex("print(1)");
  api::MountBatchedCheckExistenceRequest check;
  check.add_sha256_hex_hashes(digest);
  auto missing = call<api::MountBatchedCheckExistenceResponse>("MountBatchedCheckExistence", check);
  ASSERT_EQ(missing->missing_sha256_hex_hashes_size(), 1);
  EXPECT_TRUE(put(digest, "print(1)")->exists());
  EXPECT_TRUE(put(digest, "print(1)")->exists());
  missing = call<api::MountBatchedCheckExistenceResponse>("MountBatchedCheckExistence", check);
  EXPECT_EQ(missing->missing_sha256_hex_hashes_size(), 0);
}

TEST_F(MountsTest, RefuseContentOfAnotherDigest) {
  EXPECT_EQ(put(sha256_hex("a"), "b").error().code, Code::InvalidArgument);
  EXPECT_EQ(put("../../etc/passwd", "b").error().code, Code::InvalidArgument);
}

TEST_F(MountsTest, TakeAnEmptyFileAndProbeWithoutData) {
  api::MountPutFileRequest probe;
  probe.set_sha256_hex(sha256_hex(""));
  EXPECT_FALSE(call<api::MountPutFileResponse>("MountPutFile", probe)->exists());
  EXPECT_TRUE(put(sha256_hex(""), "")->exists());
  EXPECT_TRUE(call<api::MountPutFileResponse>("MountPutFile", probe)->exists());
}

TEST_F(MountsTest, TakeAFileThatWasUploadedAsABlob) {
  std::string digest = *blobs_.put("large");
  api::MountPutFileRequest request;
  request.set_sha256_hex(digest);
  request.set_data_blob_id(blob_id_of(digest));
  EXPECT_TRUE(call<api::MountPutFileResponse>("MountPutFile", request)->exists());
  request.set_data_blob_id(blob_id_of(sha256_hex("other")));
  EXPECT_EQ(call<api::MountPutFileResponse>("MountPutFile", request).error().code, Code::InvalidArgument);
}

TEST_F(MountsTest, BecomeALayerAndARecord) {
  ASSERT_TRUE(put(sha256_hex("print(1)"), "print(1)"));
  auto mount = create("/root/main.py", "print(1)");
  ASSERT_TRUE(mount) << mount.error().message;
  EXPECT_TRUE(mount->mount_id().starts_with("mo-"));
  EXPECT_TRUE(std::filesystem::exists(mount_layer_path(home_ / "layers", mount->mount_id()) / "root/main.py"));
  EXPECT_EQ(create("/root/main.py", "print(1)")->mount_id(), mount->mount_id());
  auto record = transact([&](store::Transaction& t) { return load_mount(t, mount->mount_id()); });
  ASSERT_TRUE(record);
  EXPECT_EQ(record->files.at(0).path, "/root/main.py");
}

TEST_F(MountsTest, WithPathsThatLeadOutsideAreRefused) {
  EXPECT_EQ(create("/root/../../etc/cron.d/x", "x").error().code, Code::InvalidArgument);
}

TEST_F(MountsTest, OfTheClientKeepItsVersion) {
  auto mount = by_name("modal-client-mount-1.6.4");
  ASSERT_TRUE(mount) << mount.error().message;
  EXPECT_EQ(by_name("modal-client-mount-1.6.4")->mount_id(), mount->mount_id());
  EXPECT_NE(by_name("modal-client-mount-1.5.4")->mount_id(), mount->mount_id());
  auto record = transact([&](store::Transaction& t) { return load_mount(t, mount->mount_id()); });
  EXPECT_EQ(record->client_version, "1.6.4");
}

TEST_F(MountsTest, OfUnknownNamesAreNotFound) {
  EXPECT_EQ(by_name("python-build-standalone.20230826.3.11.5-gnu").error().code, Code::NotFound);
  EXPECT_EQ(by_name("modal-client-mount-1.6/../x").error().code, Code::NotFound);
}

TEST_F(MountsTest, BlobsGetAnUploadUrlInBothForms) {
  api::BlobCreateRequest request;
  request.set_content_sha256_base64("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");  // of "hello"
  request.set_content_length(5);
  auto created = call<api::BlobCreateResponse>("BlobCreate", request);
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->blob_id(), blob_id_of(sha256_hex("hello")));
  EXPECT_EQ(created->blob_ids(0), created->blob_id());
  EXPECT_EQ(created->upload_urls().items(0), created->upload_url());
  EXPECT_TRUE(created->upload_url().starts_with("http://127.0.0.1:4321/_bimodal/blobs/u-"));
  api::BlobGetRequest get;
  get.set_blob_id(created->blob_id());
  EXPECT_EQ(call<api::BlobGetResponse>("BlobGet", get).error().code, Code::NotFound);
  ASSERT_TRUE(blobs_.put("hello"));
  EXPECT_TRUE(call<api::BlobGetResponse>("BlobGet", get));
}

}  // namespace
}  // namespace bimodal::control
