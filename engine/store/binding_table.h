// Rows of `bindings`: instances of classes with arguments of their own, and functions and classes with other options.
#pragma once

#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

struct Binding {
  std::string bound_id;     // fu-…, the same for the same content
  std::string function_id;  // of the function as it was deployed
  std::string parameters;   // FunctionBindParamsRequest.serialized_params
  std::string options;      // serialized modal.client.FunctionOptions, "" for none
  double created_at = 0;    // Unix seconds
};

class BindingTable {
 public:
  explicit BindingTable(Transaction& transaction) : transaction_(transaction) {}

  // Keeps the one that stands, if there is one of that id, and keeps the newest `most` of all.
  Result<void> keep(const Binding& binding, int most);
  Result<std::vector<Binding>> list();

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
