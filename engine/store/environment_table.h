// Rows of `environments`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

struct Environment {
  std::string environment_id;
  std::string name;
  std::string web_suffix;  // "" for none
  bool is_default = false;
  double created_at = 0;  // Unix seconds
};

class EnvironmentTable {
 public:
  explicit EnvironmentTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> insert(const Environment& environment);
  // "" is the default one. NotFound names it.
  Result<Environment> resolve(const std::string& name);
  // By id. NotFound names it.
  Result<Environment> get(const std::string& environment_id);
  Result<std::optional<Environment>> find(const std::string& name);
  Result<std::vector<Environment>> list();  // oldest first
  // Writes name and web suffix. AlreadyExists when another one has them.
  Result<void> update(const Environment& environment);
  // It is the default one from now on, in place of the one that was.
  Result<void> make_default(const std::string& environment_id);
  // With its apps and secrets.
  Result<void> remove(const std::string& environment_id);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
