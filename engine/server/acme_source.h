// Certificates that are obtained by themselves: acme::Certificates as a source for TLS handshakes.
//
// Any thread, but for make(), start(), stop() and destruction, which belong to the control loop's thread.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "acme/certificates.h"
#include "async/blocking_pool.h"
#include "async/task.h"
#include "metrics/page.h"
#include "model/model.h"
#include "server/acme_config.h"
#include "tls/certificate_source.h"

namespace bimodal::server {

class AcmeSource final : public tls::CertificateSource {
 public:
  // Null when it isn't wanted. Reads what an earlier daemon of the home got. InvalidArgument for settings that don't go
  // together, by name.
  static Result<std::unique_ptr<AcmeSource>> make(
      const AcmeConfig& config, const std::filesystem::path& home, const std::string& base_domain);

  // Orders and renews from now on, until stop(), which waits on the pool for orders to break off: a hook's cleanup may
  // take a while. More than once in turn.
  void start() { certificates_->start(); }
  Task<void> stop(BlockingPool& pool);

  // What is routed now: names of apps that run may have certificates, and the API's. Nothing is asked for names under
  // `localhost`, which no CA knows.
  void own(const std::vector<model::Route>& routes);

  // The body of GET /.well-known/acme-challenge/<token>.
  std::optional<std::string> http_answer(std::string_view token) const { return answers_.http(token); }

  std::vector<acme::NameState> states() const { return certificates_->states(); }
  // As acme::Certificates.
  std::string certificate_for(std::string_view name) const { return certificates_->certificate_for(name); }
  void write_metrics(metrics::Page& page) const;

  std::shared_ptr<const tls::Certificate> find(const std::string& name) override;
  bool obtain(const std::string& name, std::function<void()> then) override;
  std::shared_ptr<const tls::Certificate> find_challenge(const std::string& name) override;

 private:
  AcmeSource(acme::ClientOptions options, acme::Fetch fetch, acme::DnsHook hook, acme::Certificates::Options names);

  const std::string base_domain_;
  acme::Answers answers_;
  acme::Client client_;
  std::unique_ptr<acme::Certificates> certificates_;  // its workers use the above
  std::mutex mutex_;
  struct Parsed {
    acme::CertificatePtr from;
    std::shared_ptr<const tls::Certificate> certificate;
  };
  std::map<std::string, Parsed> parsed_;  // by the certificate's name
};

}  // namespace bimodal::server
