// A private key on P-256: an ACME account's, which signs requests (ES256, RFC 7518 §3.4), or a certificate's.
//
// Immutable; copies share it. Any thread.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bimodal::acme {

class Key {
 public:
  static Key make();
  // DataLoss when the text is no P-256 private key in PEM.
  static Result<Key> parse(const std::string& pem);

  std::string pem() const;  // PKCS#8; a secret
  EVP_PKEY* handle() const { return key_.get(); }

  // The public key as a JSON Web Key, members in the order that the thumbprint wants (RFC 7638 §3).
  std::string jwk() const;
  // base64url(SHA-256(jwk)).
  std::string thumbprint() const;
  // r and s, 32 bytes each, over SHA-256 of `bytes`.
  std::string sign(std::string_view bytes) const;

 private:
  explicit Key(EVP_PKEY* key);
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace bimodal::acme
