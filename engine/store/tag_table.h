// Rows of `app_tags`: words that users attach to their apps.
#pragma once

#include <map>
#include <string>

#include "store/database.h"

namespace bimodal::store {

using Tags = std::map<std::string, std::string>;

class TagTable {
 public:
  explicit TagTable(Transaction& transaction) : transaction_(transaction) {}

  // The app has these and no others from now on.
  Result<void> replace(const std::string& app_id, const Tags& tags);
  Result<Tags> of(const std::string& app_id);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
