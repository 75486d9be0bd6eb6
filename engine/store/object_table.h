// Rows of `objects`: dicts, queues and volumes, which have a name in an environment or live only as long as their
// client says that it needs them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

struct Object {
  std::string object_id;
  std::string kind;  // "di", "qu", "vo": the prefix of its id
  std::string environment_id;
  std::string name;       // "" for an ephemeral one
  int version = 0;        // of a volume's file system: modal.client.VolumeFsVersion by number
  double created_at = 0;  // Unix seconds
  double expires_at = 0;  // the same, of an ephemeral one; 0: never
};

class ObjectTable {
 public:
  explicit ObjectTable(Transaction& transaction) : transaction_(transaction) {}

  // AlreadyExists when the name is taken.
  Result<void> insert(const Object& object);
  // Nothing of another kind, and nothing that has expired.
  Result<std::optional<Object>> find(const std::string& kind, const std::string& object_id, double now);
  Result<std::optional<Object>> find_named(
      const std::string& kind, const std::string& environment_id, const std::string& name);
  // Named ones made before `created_before`, newest first.
  Result<std::vector<Object>> list(
      const std::string& kind, const std::string& environment_id, double created_before, int limit);
  Result<std::vector<Object>> list_all(const std::string& kind);
  // AlreadyExists when the name is taken.
  Result<void> rename(const std::string& object_id, const std::string& name);
  Result<void> set_expiry(const std::string& object_id, double expires_at);
  // With everything in it.
  Result<void> remove(const std::string& object_id);
  // How many ephemeral ones had expired, and are gone now with everything in them.
  Result<int> remove_expired(double now);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
