// What this host answers to a CA that wants to see that a name is its own, while an order runs.
//
// Any thread: the workers present and withdraw, the loops of the gateway look up.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "acme/dns_hook.h"
#include "base/result.h"

namespace bimodal::acme {

enum class ChallengeType { Http01, TlsAlpn01, Dns01 };

// "http-01", as RFC 8555 writes it, and back.
std::string_view name_of(ChallengeType type);
std::optional<ChallengeType> challenge_type(std::string_view text);

struct Challenge {
  ChallengeType type = ChallengeType::Http01;
  std::string name;  // without "*."
  std::string token;
  std::string key_authorization;
};

// Self-signed, for a handshake with the protocol "acme-tls/1".
struct ChallengeCertificate {
  std::string certificate_pem, key_pem;
};

class Answers {
 public:
  explicit Answers(DnsHook hook) : hook_(std::move(hook)) {}

  bool can(ChallengeType type) const { return type != ChallengeType::Dns01 || hook_; }

  // The hook's failure; the others can't fail. Blocking for DNS-01.
  Result<void> present(const Challenge& challenge, std::stop_token stop);
  // Logs what the hook fails with.
  void withdraw(const Challenge& challenge);

  // The body of GET /.well-known/acme-challenge/<token> (RFC 8555 §8.3).
  std::optional<std::string> http(std::string_view token) const;
  // What a handshake for `name` shows (RFC 8737 §3); null: none is expected.
  std::shared_ptr<const ChallengeCertificate> tls(std::string_view name) const;

 private:
  const DnsHook hook_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> http_;  // token -> key authorization
  std::map<std::string, std::shared_ptr<const ChallengeCertificate>, std::less<>> tls_;
};

}  // namespace bimodal::acme
