// Rows of `api_tokens`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

// Times are Unix seconds.
struct ApiTokenRow {
  std::string token_id;     // ak-…
  std::string secret_hash;  // SHA-256 of as-…, 64 hex digits
  std::string name;         // "" for none
  std::int64_t created_at = 0;
  std::int64_t expires_at = 0;    // 0: never
  std::int64_t last_used_at = 0;  // 0: not yet
};

class ApiTokenTable {
 public:
  explicit ApiTokenTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> insert(const ApiTokenRow& row);
  Result<std::vector<ApiTokenRow>> list();  // oldest first
  Result<void> note_use(const std::string& token_id, std::int64_t at);
  // NotFound names the token.
  Result<void> remove(const std::string& token_id);
  Result<void> remove_expired(std::int64_t before);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
