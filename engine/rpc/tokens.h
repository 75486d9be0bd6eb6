// The API tokens that clients may show. Thread-safe.
//
// Of a secret only its hash is known here. A secret is random and long, so that a plain hash can't be turned around.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bimodal::rpc {

// What clients show in x-modal-token-id and x-modal-token-secret.
struct Token {
  std::string id;
  std::string secret;
};

struct KnownToken {
  std::string id;               // ak-…
  std::string secret_hash;      // SHA-256 of as-…, 64 hex digits
  std::int64_t expires_at = 0;  // Unix seconds; 0: never
};

class Tokens {
 public:
  enum class Verdict { Good, Wrong, Expired };

  // `own` is the home's own token, which is always good.
  explicit Tokens(const Token& own);

  // These are good from now on beside the home's own, and no others.
  void publish(const std::vector<KnownToken>& tokens);

  // Takes the same time for every secret of a length, and hashes one for a token that doesn't exist, too. `now` in Unix
  // seconds; of a good token it is remembered.
  Verdict check(std::string_view id, std::string_view secret, std::int64_t now) const;
  // Whether what was once given out to that token's owner is still good.
  bool is_good(std::string_view id, std::int64_t now) const;

  // When tokens were used last, of those that were used since the last call.
  std::vector<std::pair<std::string, std::int64_t>> take_uses();

 private:
  struct Entry {
    KnownToken token;
    std::shared_ptr<std::atomic<std::int64_t>> used = std::make_shared<std::atomic<std::int64_t>>(0);
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  const KnownToken own_;
  std::atomic<std::shared_ptr<const Entries>> entries_;
};

}  // namespace bimodal::rpc
