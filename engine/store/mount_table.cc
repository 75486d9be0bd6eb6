#include "store/mount_table.h"

namespace bimodal::store {

Result<void> MountTable::put(const Mount& mount) {
  TRY_VOID(transaction_.run(
      "INSERT INTO mounts (mount_id, kind, name, files, created_at) VALUES (?, ?, ?, ?, ?) "
      "ON CONFLICT (mount_id) DO UPDATE SET created_at = excluded.created_at",
      {mount.mount_id, std::string(mount.name.empty() ? "files" : "client"), mount.name, Blob{mount.files},
       mount.created_at}));
  return {};
}

Result<std::optional<Mount>> MountTable::find(const std::string& mount_id) {
  std::optional<Mount> found;
  TRY_VOID(transaction_.query(
      "SELECT mount_id, name, files, created_at FROM mounts WHERE mount_id = ?", {mount_id},
      [&](const Row& row) { found = Mount{row.text(0), row.text(1), row.text(2), row.real(3)}; }));
  return found;
}

Result<std::vector<Mount>> MountTable::list() {
  std::vector<Mount> all;
  TRY_VOID(transaction_.query("SELECT mount_id, name, files, created_at FROM mounts", {}, [&](const Row& row) {
    all.push_back(Mount{row.text(0), row.text(1), row.text(2), row.real(3)});
  }));
  return all;
}

Result<void> MountTable::remove(const std::string& mount_id) {
  TRY_VOID(transaction_.run("DELETE FROM mounts WHERE mount_id = ?", {mount_id}));
  return {};
}

}  // namespace bimodal::store
