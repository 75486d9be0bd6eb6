// What the gateway's entry with TLS stands on: the sources of certificates, and the context that asks them.
//
// Made and destroyed on the control loop; the gateway goes first.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "base/result.h"
#include "server/tls_config.h"
#include "tls/context.h"
#include "tls/own_certificates.h"

namespace bimodal::server {

class SecureWeb {
 public:
  // Blocks on files. `serves`: whether a name is one of this host's, for the development CA; any thread. `acme`, if
  // there is one, is asked between files and that CA, and outlives this.
  static Result<std::unique_ptr<SecureWeb>> open(
      const TlsConfig& config, const std::filesystem::path& home, std::function<bool(const std::string&)> serves,
      tls::CertificateSource* acme);

  tls::Context& context() { return *context_; }
  // What programs must trust; empty: what they trust anyway.
  std::string authority_file() const { return own_ ? own_->authority_file().string() : std::string(); }

  // Reads certificate files anew when they change, and at once with SIGHUP. Until it is cancelled.
  Task<void> watch(BlockingPool& pool);

 private:
  SecureWeb() = default;
  void reload();

  std::unique_ptr<tls::CertificateFiles> files_;
  std::unique_ptr<tls::OwnCertificates> own_;
  std::unique_ptr<tls::Context> context_;
};

}  // namespace bimodal::server
