// Rows of `secrets`. Values are sealed here and opened here; nothing else sees the sealed form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/database.h"
#include "store/secret_box.h"

namespace bimodal::store {

struct Secret {
  std::string secret_id;
  std::string environment_id;
  std::string name;                         // "" for an anonymous one
  std::string app_id;                       // of an anonymous one, "" for none
  std::vector<std::string> keys;            // names of its variables, sorted
  std::string fingerprint;                  // SecretBox::fingerprint of the variables
  double created_at = 0, last_used_at = 0;  // Unix seconds
};

class SecretTable {
 public:
  SecretTable(Transaction& transaction, const SecretBox& box) : transaction_(transaction), box_(box) {}

  // Fills in `keys` and `fingerprint`.
  Result<Secret> insert(Secret secret, const Variables& variables);
  Result<void> replace(const std::string& secret_id, const Variables& variables);
  Result<void> remove(const std::string& secret_id);

  Result<std::optional<Secret>> find(const std::string& secret_id);
  Result<std::optional<Secret>> find_named(const std::string& environment_id, const std::string& name);
  // The anonymous one of that app (or of none) with the same variables.
  Result<std::optional<Secret>> find_anonymous(
      const std::string& environment_id, const std::string& app_id, const Variables& variables);
  // Named ones made before `created_before`, newest first.
  Result<std::vector<Secret>> list(const std::string& environment_id, double created_before, int limit);

  // NotFound names the id.
  Result<Variables> variables(const std::string& secret_id);
  // Remembered by the ten minutes: a start of a container costs a write only now and then.
  Result<void> mark_used(const std::string& secret_id, double at);

 private:
  Transaction& transaction_;
  const SecretBox& box_;
};

}  // namespace bimodal::store
