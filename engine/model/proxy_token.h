// What the gateway knows of a proxy token (wk-…): enough to recognize its secret, not the secret. A plain value.
#pragma once

#include <string>
#include <vector>

namespace bimodal::model {

struct ProxyToken {
  std::string token_id;                      // wk-…
  std::string secret_hash;                   // SHA-256 of ws-…, 64 hex digits
  bool scoped = false;                       // good only in `environment_ids`; else in every environment
  std::vector<std::string> environment_ids;  // en-…
};

}  // namespace bimodal::model
