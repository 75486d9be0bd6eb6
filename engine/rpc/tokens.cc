#include "rpc/tokens.h"

#include <openssl/crypto.h>

#include "base/ids.h"

namespace bimodal::rpc {

Tokens::Tokens(const Token& own) : own_{own.id, sha256_hex(own.secret), 0} {
  publish({});
}

void Tokens::publish(const std::vector<KnownToken>& tokens) {
  const auto before = entries_.load();
  auto entries = std::make_shared<Entries>();
  auto add = [&](const KnownToken& token) {
    Entry entry{token};
    if (before) {
      if (auto known = before->find(token.id); known != before->end()) entry.used = known->second.used;
    }
    entries->emplace(token.id, std::move(entry));
  };
  add(own_);
  for (const KnownToken& token : tokens) add(token);
  entries_.store(std::move(entries));
}

Tokens::Verdict Tokens::check(std::string_view id, std::string_view secret, std::int64_t now) const {
  static const std::string kNobodys(64, '0');
  const auto entries = entries_.load();
  const auto found = entries->find(id);
  const std::string& expected = found == entries->end() ? kNobodys : found->second.token.secret_hash;
  const std::string presented = sha256_hex(secret);
  const bool equal =
      expected.size() == presented.size() && CRYPTO_memcmp(expected.data(), presented.data(), presented.size()) == 0;
  if (found == entries->end() || !equal) return Verdict::Wrong;
  const std::int64_t expires_at = found->second.token.expires_at;
  if (expires_at != 0 && expires_at <= now) return Verdict::Expired;
  found->second.used->store(now, std::memory_order_relaxed);
  return Verdict::Good;
}

bool Tokens::is_good(std::string_view id, std::int64_t now) const {
  const auto entries = entries_.load();
  const auto found = entries->find(id);
  if (found == entries->end()) return false;
  const std::int64_t expires_at = found->second.token.expires_at;
  return expires_at == 0 || expires_at > now;
}

std::vector<std::pair<std::string, std::int64_t>> Tokens::take_uses() {
  std::vector<std::pair<std::string, std::int64_t>> uses;
  const auto entries = entries_.load();
  for (const auto& [id, entry] : *entries) {
    const std::int64_t used = entry.used->exchange(0, std::memory_order_relaxed);
    if (used != 0) uses.emplace_back(id, used);
  }
  return uses;
}

}  // namespace bimodal::rpc
