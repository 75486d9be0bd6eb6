// Certificates and what is known of names without one, as files that only the home's owner reads.
//
// `<directory>/api.example.com.pem` holds key and chain in one file, so that a crash can't part them;
// `api.example.com.json` how asking for it went. In a file's name "_" stands for "*". Blocking, any thread; one writer
// for each name.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "acme/certificate.h"
#include "base/result.h"

namespace bimodal::acme {

// A name that somebody has used, and how asking for its certificate went since the last success.
struct Attempts {
  int failures = 0;
  Time retry_at{};     // not before
  std::string reason;  // of the last failure, one line
};

class Vault {
 public:
  explicit Vault(std::filesystem::path directory) : directory_(std::move(directory)) {}

  Result<void> keep(const Certificate& certificate) const;
  Result<void> keep(const std::string& name, const Attempts& attempts) const;

  struct Content {
    std::map<std::string, CertificatePtr> certificates;
    std::map<std::string, Attempts> attempts;
  };
  // What can be read; damaged files are logged and left alone, what ended before `oldest` is removed.
  Content load(Time oldest) const;

 private:
  void load_certificate(const std::string& name, const std::filesystem::path& file, Time oldest, Content& out) const;
  void load_attempts(const std::string& name, const std::filesystem::path& file, Time oldest, Content& out) const;

  const std::filesystem::path directory_;
};

}  // namespace bimodal::acme
