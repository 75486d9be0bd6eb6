#include "control/mount_records.h"

#include <algorithm>
#include <cctype>

#include "base/ids.h"
#include "control/api.h"
#include "control/clock.h"
#include "store/mount_table.h"

namespace bimodal::control {
namespace {

constexpr std::string_view kClientMountPrefix = "modal-client-mount-";

api::MountGetOrCreateRequest encode(const std::vector<MountedFile>& files) {
  api::MountGetOrCreateRequest out;
  for (const MountedFile& file : files) {
    auto& entry = *out.add_files();
    entry.set_filename(file.path);
    entry.set_sha256_hex(file.sha256);
    entry.set_mode(file.mode);
  }
  return out;
}

}  // namespace

std::string client_version_of(const std::string& mount_name) {
  if (!mount_name.starts_with(kClientMountPrefix)) return "";
  std::string version = mount_name.substr(kClientMountPrefix.size());
  bool plain =
      version.size() <= 32 && std::ranges::all_of(version, [](unsigned char c) { return std::isalnum(c) || c == '.'; });
  return plain ? version : "";
}

Result<std::string> save_client_mount(store::Transaction& transaction, const std::string& version) {
  std::string name = std::string(kClientMountPrefix) + version;
  store::Mount mount{content_id("mo", name), name, encode({}).SerializeAsString(), unix_now()};
  TRY_VOID(store::MountTable(transaction).put(mount));
  return mount.mount_id;
}

Result<std::string> save_mount(store::Transaction& transaction, const std::vector<MountedFile>& files) {
  store::Mount mount{mount_id_of(files), "", encode(files).SerializeAsString(), unix_now()};
  TRY_VOID(store::MountTable(transaction).put(mount));
  return mount.mount_id;
}

Result<MountRecord> load_mount(store::Transaction& transaction, const std::string& mount_id) {
  TRY(auto mount, store::MountTable(transaction).find(mount_id));
  if (!mount) return error(Code::NotFound, "no mount {}: run the client's command again", mount_id);
  api::MountGetOrCreateRequest stored;
  if (!stored.ParseFromString(mount->files)) {
    return error(Code::DataLoss, "mount {}: its list of files is damaged in the database", mount_id);
  }
  MountRecord record;
  record.client_version = client_version_of(mount->name);
  for (const auto& file : stored.files()) {
    record.files.push_back(MountedFile{file.filename(), file.sha256_hex(), file.mode()});
  }
  return record;
}

Result<std::vector<std::filesystem::path>> mount_layers(
    const store::Blobs& blobs, const std::filesystem::path& layers, const std::vector<IdentifiedMount>& mounts) {
  std::vector<std::filesystem::path> out;
  for (const auto& [mount_id, mount] : mounts) {
    if (mount.files.empty()) continue;
    out.push_back(mount_layer_path(layers, mount_id));
    TRY_VOID(make_mount_layer(blobs, mount.files, out.back()));
  }
  return out;
}

}  // namespace bimodal::control
