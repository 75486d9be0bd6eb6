// Mounts as the database knows them. Every function but mount_layers() runs inside a transaction; all on the pool.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "control/mount_layer.h"
#include "store/database.h"

namespace bimodal::control {

struct MountRecord {
  std::string client_version;  // the client's own package, which the runtime layer brings: "1.5.4"; "" for any other
  std::vector<MountedFile> files;  // canonical; none for the client's package
};

// The mount that a client of that version asks for by name. Its id depends on the version alone.
Result<std::string> save_client_mount(store::Transaction& transaction, const std::string& version);

// `files` must be canonical. Saving the same files again gives the same id and changes nothing.
Result<std::string> save_mount(store::Transaction& transaction, const std::vector<MountedFile>& files);

// NotFound when there is no such mount.
Result<MountRecord> load_mount(store::Transaction& transaction, const std::string& mount_id);

using IdentifiedMount = std::pair<std::string, MountRecord>;  // with its id

// The layers of the mounts, in their order, made anew where somebody removed them. None for the client's package.
Result<std::vector<std::filesystem::path>> mount_layers(
    const store::Blobs& blobs, const std::filesystem::path& layers, const std::vector<IdentifiedMount>& mounts);

// The version in the name of a client's own mount, "" for any other name (protocol §7.1).
std::string client_version_of(const std::string& mount_name);

}  // namespace bimodal::control
