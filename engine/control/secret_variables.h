// The variables of several secrets together. Runs inside a transaction, on the pool.
#pragma once

#include "store/secret_table.h"

namespace bimodal::control {

// Where two secrets name the same variable, the later one counts. NotFound names the secret that doesn't exist.
// `ids`: any range of strings.
template <typename Ids>
Result<store::Variables> secret_variables(
    store::Transaction& transaction, const store::SecretBox& box, const Ids& ids) {
  store::Variables all;
  for (const std::string& id : ids) {
    TRY(store::Variables variables, store::SecretTable(transaction, box).variables(id));
    for (auto& [name, value] : variables) all[name] = std::move(value);
  }
  return all;
}

}  // namespace bimodal::control
