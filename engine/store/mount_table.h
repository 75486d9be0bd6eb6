// Rows of `mounts`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

struct Mount {
  std::string mount_id;
  std::string name;       // of a mount that every client refers to by name, "" for one that a client uploaded
  std::string files;      // modal.client.MountGetOrCreateRequest with the canonical files, serialised
  double created_at = 0;  // Unix seconds; when a client announced it last
};

class MountTable {
 public:
  explicit MountTable(Transaction& transaction) : transaction_(transaction) {}

  // An id that exists keeps its row, which counts as announced at `mount.created_at` from now on.
  Result<void> put(const Mount& mount);
  Result<std::vector<Mount>> list();
  Result<void> remove(const std::string& mount_id);
  Result<std::optional<Mount>> find(const std::string& mount_id);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
