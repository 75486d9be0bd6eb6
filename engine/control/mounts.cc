#include "control/mounts.h"

#include "base/ids.h"
#include "control/blob_transfers.h"
#include "control/mount_layer.h"
#include "control/mount_records.h"
#include "image/builder.h"
#include "store/blobs.h"

namespace bimodal::control {
namespace {

using google::protobuf::Timestamp;

Timestamp timestamp_now() {
  auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  Timestamp out;
  out.set_seconds(seconds.count());
  out.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(since_epoch - seconds).count()));
  return out;
}

Result<void> check_digest(const std::string& text) {
  if (store::Blobs::is_digest(text)) return {};
  return error(Code::InvalidArgument, "\"{}\" is no SHA-256 in lower-case hex digits", text.substr(0, 80));
}

// Makes sure that the content is there; false when only the request's data could tell, and it has none.
Result<bool> store_content(store::Blobs& blobs, const api::MountPutFileRequest& request) {
  const std::string& digest = request.sha256_hex();
  switch (request.data_oneof_case()) {
    case api::MountPutFileRequest::kData:
      TRY_VOID(blobs.put(request.data(), digest));
      return true;
    case api::MountPutFileRequest::kDataBlobId:
      if (digest_of_blob(request.data_blob_id()) != digest) {
        return error(Code::InvalidArgument, "blob {} doesn't have the SHA-256 {}", request.data_blob_id(), digest);
      }
      if (!blobs.keep(digest)) {
        return error(Code::NotFound, "blob {} was never uploaded", request.data_blob_id());
      }
      return true;
    case api::MountPutFileRequest::DATA_ONEOF_NOT_SET:
      return blobs.keep(digest);
  }
  return false;
}

struct SavedMount {
  std::string mount_id;
  std::string checksum;
};

}  // namespace

Mounts::Mounts(Context& context, rpc::Service& service) : context_(context) {
  service.query("MountBatchedCheckExistence", this, &Mounts::check_existence);
  service.query("MountPutFile", this, &Mounts::put_file);
  service.query("MountGetOrCreate", this, &Mounts::get_or_create);
}

Task<Result<Mounts::CheckResponse>> Mounts::check_existence(rpc::Call, CheckRequest request) {
  auto look_up = [&blobs = context_.blobs, request = std::move(request)]() -> Result<CheckResponse> {
    CheckResponse response;
    *response.mutable_checked_at() = timestamp_now();
    for (const std::string& digest : request.sha256_hex_hashes()) {
      TRY_VOID(check_digest(digest));
      if (!blobs.keep(digest)) response.add_missing_sha256_hex_hashes(digest);
    }
    return response;
  };
  co_return co_await context_.pool.run(std::move(look_up));
}

Task<Result<Mounts::PutResponse>> Mounts::put_file(rpc::Call, PutRequest request) {
  CO_TRY_VOID(check_digest(request.sha256_hex()));
  auto put = [&blobs = context_.blobs, request = std::move(request)]() -> Result<PutResponse> {
    TRY(bool exists, store_content(blobs, request));
    PutResponse response;
    response.set_exists(exists);
    *response.mutable_checked_at() = timestamp_now();
    return response;
  };
  co_return co_await context_.pool.run(std::move(put));
}

Task<Result<Mounts::GetResponse>> Mounts::get_or_create(rpc::Call, GetRequest request) {
  if (!request.deployment_name().empty()) co_return co_await by_name(request.deployment_name());
  std::vector<MountedFile> files;
  for (const auto& file : request.files()) {
    files.push_back(MountedFile{file.filename(), file.sha256_hex(), file.has_mode() ? file.mode() : 0644});
  }
  CO_TRY(files, canonical(std::move(files)));

  // The layer is made now, while the user waits anyway, so that no container start pays for it.
  auto make = [this, files = std::move(files)]() -> Result<SavedMount> {
    std::string mount_id = mount_id_of(files);
    TRY_VOID(make_mount_layer(context_.blobs, files, mount_layer_path(context_.builder->layers_dir(), mount_id)));
    TRY_VOID(
        context_.database.transact([&](store::Transaction& transaction) { return save_mount(transaction, files); }));
    return SavedMount{mount_id, sha256_hex(mount_id)};
  };
  CO_TRY(SavedMount saved, co_await context_.pool.run(std::move(make)));
  GetResponse response;
  response.set_mount_id(saved.mount_id);
  response.mutable_handle_metadata()->set_content_checksum_sha256_hex(saved.checksum);
  co_return response;
}

Task<Result<Mounts::GetResponse>> Mounts::by_name(std::string name) {
  std::string version = client_version_of(name);
  if (version.empty()) {
    co_return error(
        Code::NotFound, "no mount \"{}\": the only mount that this server knows by name is the client's own", name);
  }
  auto save = [version](store::Transaction& transaction) { return save_client_mount(transaction, version); };
  CO_TRY(std::string mount_id, co_await context_.transact(std::move(save)));
  GetResponse response;
  response.set_mount_id(mount_id);
  co_return response;
}

}  // namespace bimodal::control
