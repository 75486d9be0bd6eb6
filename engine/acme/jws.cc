#include "acme/jws.h"

#include <nlohmann/json.hpp>

#include "acme/encoding.h"

namespace bimodal::acme {

using nlohmann::json;

std::string signed_body(const Key& key, const Signing& signing, const std::string& payload) {
  json header = {{"alg", "ES256"}, {"nonce", signing.nonce}, {"url", signing.url}};
  if (signing.kid.empty()) {
    header["jwk"] = json::parse(key.jwk());
  } else {
    header["kid"] = signing.kid;
  }
  const std::string head = base64url(header.dump()), body = base64url(payload);
  return json{{"protected", head}, {"payload", body}, {"signature", base64url(key.sign(head + "." + body))}}.dump();
}

Result<std::string> external_binding(
    const ExternalAccount& external, const Key& account_key, const std::string& new_account_url) {
  auto secret = from_base64url(external.hmac_key.substr(0, external.hmac_key.find('=')));
  if (!secret || secret->empty()) {
    return error(Code::InvalidArgument, "acme.eab_file: the HMAC key isn't base64url, as the CA shows it");
  }
  const json header = {{"alg", "HS256"}, {"kid", external.kid}, {"url", new_account_url}};
  const std::string head = base64url(header.dump()), body = base64url(account_key.jwk());
  const std::string signature = base64url(hmac_sha256(*secret, head + "." + body));
  return json{{"protected", head}, {"payload", body}, {"signature", signature}}.dump();
}

}  // namespace bimodal::acme
