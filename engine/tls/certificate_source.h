// Where certificates come from: files, an ACME directory, a development authority.
//
// `name` is the server name of a TLS handshake (SNI) in lower case, empty when the caller named none. Every method may
// be called by any thread, and none blocks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tls/certificate.h"

namespace bimodal::tls {

class CertificateSource {
 public:
  virtual ~CertificateSource() = default;
  // The certificate for that name, when it is at hand.
  virtual std::shared_ptr<const Certificate> find(const std::string& name) = 0;
  // Asked when no source has one: whether this one is getting it. Then it calls `then` once, on whatever thread, when
  // find() is to be asked again, were it in vain; the handshake waits for that with a bound of its own.
  virtual bool obtain(const std::string& name, std::function<void()> then) {
    static_cast<void>(name);
    static_cast<void>(then);
    return false;
  }
  // For a handshake by which an ACME server proves who answers there (acme-tls/1, RFC 8737).
  virtual std::shared_ptr<const Certificate> find_challenge(const std::string& name) {
    static_cast<void>(name);
    return nullptr;
  }
};

}  // namespace bimodal::tls
