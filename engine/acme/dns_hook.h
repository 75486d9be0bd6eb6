// The command that adds and removes the TXT records of DNS-01.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace bimodal::acme {

class DnsHook {
 public:
  explicit DnsHook(std::filesystem::path program) : program_(std::move(program)) {}

  // Run without a shell as `<program> present|cleanup <fqdn> <value>`, each for at most a minute; the record must be
  // visible to the CA when `present` ends. `fqdn` is "_acme-challenge.example.com", without a dot at the end. Fails
  // with the end of what the program printed. Blocking, any thread; several may run at once.
  Result<void> present(const std::string& fqdn, const std::string& value, std::stop_token stop) const;
  Result<void> cleanup(const std::string& fqdn, const std::string& value) const;

  explicit operator bool() const { return !program_.empty(); }

 private:
  std::filesystem::path program_;
};

}  // namespace bimodal::acme
