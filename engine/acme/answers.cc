#include "acme/answers.h"

#include "acme/encoding.h"
#include "acme/x509.h"
#include "base/log.h"

namespace bimodal::acme {
namespace {

std::string record_of(const Challenge& challenge) {
  return "_acme-challenge." + challenge.name;
}

std::string record_value(const Challenge& challenge) {
  return base64url(sha256(challenge.key_authorization));
}

}  // namespace

std::string_view name_of(ChallengeType type) {
  switch (type) {
    case ChallengeType::Http01:
      return "http-01";
    case ChallengeType::TlsAlpn01:
      return "tls-alpn-01";
    case ChallengeType::Dns01:
      return "dns-01";
  }
  return "";
}

std::optional<ChallengeType> challenge_type(std::string_view text) {
  for (ChallengeType type : {ChallengeType::Http01, ChallengeType::TlsAlpn01, ChallengeType::Dns01}) {
    if (name_of(type) == text) return type;
  }
  return std::nullopt;
}

Result<void> Answers::present(const Challenge& challenge, std::stop_token stop) {
  if (challenge.type == ChallengeType::Dns01) {
    return hook_.present(record_of(challenge), record_value(challenge), std::move(stop));
  }
  if (challenge.type == ChallengeType::Http01) {
    const std::scoped_lock lock(mutex_);
    http_[challenge.token] = challenge.key_authorization;
    return {};
  }
  const Key key = Key::make();
  auto made = std::make_shared<ChallengeCertificate>();
  made->certificate_pem = challenge_certificate(key, challenge.name, challenge.key_authorization);
  made->key_pem = key.pem();
  const std::scoped_lock lock(mutex_);
  tls_[challenge.name] = std::move(made);
  return {};
}

void Answers::withdraw(const Challenge& challenge) {
  if (challenge.type == ChallengeType::Dns01) {
    auto done = hook_.cleanup(record_of(challenge), record_value(challenge));
    if (!done) log::warning("{}", done.error().message);
    return;
  }
  const std::scoped_lock lock(mutex_);
  if (challenge.type == ChallengeType::Http01) {
    http_.erase(challenge.token);
  } else {
    tls_.erase(challenge.name);
  }
}

std::optional<std::string> Answers::http(std::string_view token) const {
  const std::scoped_lock lock(mutex_);
  auto found = http_.find(token);
  if (found == http_.end()) return std::nullopt;
  return found->second;
}

std::shared_ptr<const ChallengeCertificate> Answers::tls(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  auto found = tls_.find(name);
  return found == tls_.end() ? nullptr : found->second;
}

}  // namespace bimodal::acme
