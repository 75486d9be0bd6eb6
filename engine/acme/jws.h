// Signed requests: JSON Web Signatures in flattened form (RFC 8555 §6.2). Pure functions.
#pragma once

#include <string>

#include "acme/key.h"
#include "base/result.h"

namespace bimodal::acme {

struct Signing {
  std::string url;  // of the request
  std::string nonce;
  std::string kid;  // the account's URL; empty: the key itself is sent, as for a new account
};

// An empty payload is POST-as-GET (§6.3).
std::string signed_body(const Key& key, const Signing& signing, const std::string& payload);

// What binds a new account to one that the CA gave out elsewhere (§7.3.4).
struct ExternalAccount {
  std::string kid;
  std::string hmac_key;  // base64url, as CAs show it; a secret
};

// The value of "externalAccountBinding". InvalidArgument when the key isn't base64url.
Result<std::string> external_binding(
    const ExternalAccount& external, const Key& account_key, const std::string& new_account_url);

}  // namespace bimodal::acme
