// A development authority of this home's own, and the certificates that it gives as callers ask for names. Any thread.
//
// The authority is two files, mode 0600, in a directory of its own: ca.pem, which people make their programs trust, and
// ca.key. Certificates live in memory only, are for one name each (no wildcard: OpenSSL takes none under a top-level
// name such as localhost), for 90 days, and are made anew at two thirds of that.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "tls/certificate_source.h"
#include "tls/issuing.h"

namespace bimodal::tls {

class OwnCertificates final : public CertificateSource {
 public:
  using Time = std::chrono::system_clock::time_point;
  // Whether a certificate may be given for that name; any thread.
  using MayIssue = std::function<bool(const std::string& name)>;

  static constexpr std::chrono::hours kLife{90 * 24};
  static constexpr std::chrono::hours kAuthorityLife{5 * 365 * 24};
  static constexpr std::size_t kMaxNames = 1024;  // kept; beyond, all are made anew as they are asked for

  // Makes the authority when there is none, or when its end is nearer than a certificate's would be. Blocks. DataLoss,
  // with the remedy, when its files can't be read.
  static Result<std::unique_ptr<OwnCertificates>> open(const std::filesystem::path& directory, MayIssue may_issue);

  // Takes some 0.2 ms for a name that is new. A caller who names none gets one for localhost and its addresses.
  std::shared_ptr<const Certificate> find(const std::string& name) override;

  const std::filesystem::path& authority_file() const { return authority_file_; }

 private:
  OwnCertificates(KeyPair authority, std::filesystem::path authority_file, MayIssue may_issue)
      : authority_(std::move(authority)),
        authority_file_(std::move(authority_file)),
        may_issue_(std::move(may_issue)) {}

  const KeyPair authority_;
  const std::filesystem::path authority_file_;
  const MayIssue may_issue_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Certificate>> made_;
};

}  // namespace bimodal::tls
