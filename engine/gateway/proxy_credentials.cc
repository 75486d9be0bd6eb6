#include "gateway/proxy_credentials.h"

#include <algorithm>

#include "http/chars.h"

namespace bimodal::gateway {

namespace {

constexpr std::string_view kBearer = "bearer ";
constexpr std::size_t kLongest = 256;  // bytes of a token or secret; ours have 25 and 46

bool is_of(std::string_view prefix, std::string_view text) {
  return text.starts_with(prefix) && text.size() > prefix.size() && text.size() <= kLongest;
}

struct Found {
  int keys = 0, secrets = 0, authorizations = 0, bearers = 0;
  std::string_view key, secret, bearer;
};

Found find_in(const http::RequestHead& head) {
  Found found;
  for (const http::Field& field : head.fields) {
    if (field.name == "modal-key") {
      ++found.keys;
      found.key = http::trimmed(field.value);
    } else if (field.name == "modal-secret") {
      ++found.secrets;
      found.secret = http::trimmed(field.value);
    } else if (field.name == "authorization") {
      ++found.authorizations;
      if (!is_proxy_token(field.value)) continue;
      ++found.bearers;
      found.bearer = http::trimmed(field.value.substr(kBearer.size()));
    }
  }
  return found;
}

ProxyCredentials of(std::string_view token_id, std::string_view secret) {
  if (!is_of("wk-", token_id) || !is_of("ws-", secret)) return {ProxyCredentials::Form::Ambiguous, {}, {}};
  return {ProxyCredentials::Form::One, token_id, secret};
}

}  // namespace

ProxyCredentials proxy_credentials(const http::RequestHead& head) {
  const Found found = find_in(head);
  const bool pair = found.keys > 0 && found.secrets > 0;
  if (!pair && found.bearers == 0) return {};
  const bool once = pair ? found.keys == 1 && found.secrets == 1 && found.bearers == 0
                         : found.authorizations == 1 && found.keys == 0 && found.secrets == 0;
  if (!once) return {ProxyCredentials::Form::Ambiguous, {}, {}};
  if (pair) return of(found.key, found.secret);
  const std::size_t dot = found.bearer.find('.');
  if (dot == found.bearer.npos) return {ProxyCredentials::Form::Ambiguous, {}, {}};
  return of(found.bearer.substr(0, dot), found.bearer.substr(dot + 1));
}

bool is_proxy_token(std::string_view authorization) {
  return authorization.size() > kBearer.size() &&
         http::equals_ignoring_case(authorization.substr(0, kBearer.size()), kBearer) &&
         http::trimmed(authorization.substr(kBearer.size())).starts_with("wk-");
}

bool is_preflight(const http::RequestHead& head) {
  const auto asks = [](const http::Field& field) { return field.name == "access-control-request-method"; };
  return head.method == "OPTIONS" && std::any_of(head.fields.begin(), head.fields.end(), asks);
}

}  // namespace bimodal::gateway
