#include "gateway/proxy_credentials.h"

#include <algorithm>

#include "http/chars.h"

namespace bimodal::gateway {

bool is_proxy_token(std::string_view authorization) {
  constexpr std::string_view kBearer = "bearer ";
  return authorization.size() > kBearer.size() &&
         http::equals_ignoring_case(authorization.substr(0, kBearer.size()), kBearer) &&
         http::trimmed(authorization.substr(kBearer.size())).starts_with("wk-");
}

bool has_proxy_credentials(const http::RequestHead& head) {
  bool has_key = false, has_secret = false;
  for (const http::Field& field : head.fields) {
    if (field.name == "authorization" && is_proxy_token(field.value)) return true;
    has_key |= field.name == "modal-key";
    has_secret |= field.name == "modal-secret";
  }
  return has_key && has_secret;
}

bool is_preflight(const http::RequestHead& head) {
  const auto asks = [](const http::Field& field) { return field.name == "access-control-request-method"; };
  return head.method == "OPTIONS" && std::any_of(head.fields.begin(), head.fields.end(), asks);
}

}  // namespace bimodal::gateway
