// Rows of `mounts`.
#pragma once

#include <optional>
#include <string>

#include "store/database.h"

namespace bimodal::store {

struct Mount {
  std::string mount_id;
  std::string name;       // of a mount that every client refers to by name, "" for one that a client uploaded
  std::string files;      // modal.client.MountGetOrCreateRequest with the canonical files, serialised
  double created_at = 0;  // Unix seconds
};

class MountTable {
 public:
  explicit MountTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> put(const Mount& mount);  // nothing changes when the id exists
  Result<std::optional<Mount>> find(const std::string& mount_id);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
