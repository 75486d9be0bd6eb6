// Certificates from files, read anew when the files change. Any thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tls/certificate_source.h"

namespace bimodal::tls {

// PEM files: the certificate with its chain behind it, and its key.
struct CertificatePaths {
  std::filesystem::path certificate, key;
  auto operator<=>(const CertificatePaths&) const = default;
};

class CertificateFiles final : public CertificateSource {
 public:
  // Whether names that no certificate is for, and callers who name none, are shown the first one.
  enum class Unknown { Refuse, ShowFirst };

  // Blocks. Fails with the file and the reason.
  static Result<std::unique_ptr<CertificateFiles>> load(std::vector<CertificatePaths> paths, Unknown unknown);

  // An exact name goes before a wildcard, earlier files before later ones.
  std::shared_ptr<const Certificate> find(const std::string& name) override;

  // Reads the files that aren't what they were at the last call. Blocks. Fails, once for each change, with what is
  // wrong with them; then the certificate before goes on being shown. How many were read anew.
  Result<int> reload();

  std::vector<std::shared_ptr<const Certificate>> certificates() const { return *shown_.load(); }

 private:
  using Shown = std::vector<std::shared_ptr<const Certificate>>;

  // By which a change of a file is seen, whether written in place, replaced or linked elsewhere.
  struct Stamp {
    std::uint64_t inode = 0, size = 0, seconds = 0, nanoseconds = 0;
    auto operator<=>(const Stamp&) const = default;
  };
  static Stamp stamp_of(const std::filesystem::path& file);
  static Result<std::shared_ptr<const Certificate>> read(const CertificatePaths& paths);

  CertificateFiles(std::vector<CertificatePaths> paths, Unknown unknown)
      : paths_(std::move(paths)), unknown_(unknown), stamps_(paths_.size()) {}

  const std::vector<CertificatePaths> paths_;
  const Unknown unknown_;
  std::mutex reloading_;
  std::vector<std::pair<Stamp, Stamp>> stamps_;  // of certificate and key, as last read
  std::atomic<std::shared_ptr<const Shown>> shown_;
};

}  // namespace bimodal::tls
