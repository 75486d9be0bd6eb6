// Rows of `proxy_tokens` and of the environments that they are good in.
#pragma once

#include <string>
#include <vector>

#include "model/proxy_token.h"
#include "store/database.h"

namespace bimodal::store {

struct ProxyTokenRow {
  model::ProxyToken token;
  std::string name;       // "" for none
  double created_at = 0;  // Unix seconds
};

class ProxyTokenTable {
 public:
  explicit ProxyTokenTable(Transaction& transaction) : transaction_(transaction) {}

  // Without environments.
  Result<void> insert(const ProxyTokenRow& row);
  // NotFound names the token.
  Result<ProxyTokenRow> get(const std::string& token_id);
  Result<std::vector<ProxyTokenRow>> list();  // oldest first
  Result<void> rename(const std::string& token_id, const std::string& name);
  // From now on it is good only where it is allowed; here, too.
  Result<void> allow(const std::string& token_id, const std::string& environment_id);
  Result<void> disallow(const std::string& token_id, const std::string& environment_id);
  Result<void> remove(const std::string& token_id);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store
