// The proxy tokens that are accepted. Immutable once built; shared between loops.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/proxy_token.h"

namespace bimodal::gateway {

class ProxyTokens {
 public:
  enum class Verdict { Good, Wrong, OtherEnvironment };

  explicit ProxyTokens(std::vector<model::ProxyToken> tokens);

  // Takes the same time for every secret of a length, and hashes one for a token that doesn't exist, too.
  Verdict check(std::string_view token_id, std::string_view secret, std::string_view environment_id) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  std::unordered_map<std::string, model::ProxyToken, Hash, std::equal_to<>> tokens_;
};

}  // namespace bimodal::gateway
