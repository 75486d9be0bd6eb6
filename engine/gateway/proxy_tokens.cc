#include "gateway/proxy_tokens.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/ids.h"

namespace bimodal::gateway {

ProxyTokens::ProxyTokens(std::vector<model::ProxyToken> tokens) {
  for (auto& token : tokens) {
    std::string token_id = token.token_id;
    tokens_.emplace(std::move(token_id), std::move(token));
  }
}

ProxyTokens::Verdict ProxyTokens::check(
    std::string_view token_id, std::string_view secret, std::string_view environment_id) const {
  static const std::string kNobodys(64, '0');
  const auto found = tokens_.find(token_id);
  const std::string& expected = found == tokens_.end() ? kNobodys : found->second.secret_hash;
  const std::string presented = sha256_hex(secret);
  const bool equal =
      expected.size() == presented.size() && CRYPTO_memcmp(expected.data(), presented.data(), presented.size()) == 0;
  if (found == tokens_.end() || !equal) return Verdict::Wrong;
  if (!found->second.scoped) return Verdict::Good;
  const auto& allowed = found->second.environment_ids;
  const bool here = std::find(allowed.begin(), allowed.end(), environment_id) != allowed.end();
  return here ? Verdict::Good : Verdict::OtherEnvironment;
}

}  // namespace bimodal::gateway
