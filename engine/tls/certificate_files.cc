#include "tls/certificate_files.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/private_files.h"

namespace bimodal::tls {

Result<std::unique_ptr<CertificateFiles>> CertificateFiles::load(std::vector<CertificatePaths> paths, Unknown unknown) {
  std::unique_ptr<CertificateFiles> made(new CertificateFiles(std::move(paths), unknown));
  made->shown_.store(std::make_shared<const Shown>(made->paths_.size()));
  TRY_VOID(made->reload());
  return made;
}

std::shared_ptr<const Certificate> CertificateFiles::find(const std::string& name) {
  const std::shared_ptr<const Shown> shown = shown_.load();
  const auto has = [&name](const auto& certificate) {
    return std::find(certificate->names().begin(), certificate->names().end(), name) != certificate->names().end();
  };
  auto found = std::find_if(shown->begin(), shown->end(), has);
  if (found == shown->end()) {
    found = std::find_if(shown->begin(), shown->end(), [&name](const auto& each) { return each->covers(name); });
  }
  if (found != shown->end()) return *found;
  return unknown_ == Unknown::ShowFirst && !shown->empty() ? shown->front() : nullptr;
}

Result<int> CertificateFiles::reload() {
  const std::lock_guard guard(reloading_);
  auto next = std::make_shared<Shown>(*shown_.load());
  int changed = 0;
  Result<int> outcome = 0;
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    // Before they are read: what changes meanwhile is seen the next time.
    const std::pair<Stamp, Stamp> stamps(stamp_of(paths_[i].certificate), stamp_of(paths_[i].key));
    if (stamps == stamps_[i] && (*next)[i]) continue;
    stamps_[i] = stamps;
    auto certificate = read(paths_[i]);
    if (!certificate) {
      outcome = tl::unexpected(certificate.error());
      continue;
    }
    (*next)[i] = *std::move(certificate);
    ++changed;
  }
  if (changed > 0 && std::find(next->begin(), next->end(), nullptr) == next->end()) shown_.store(std::move(next));
  return outcome ? Result<int>(changed) : outcome;
}

CertificateFiles::Stamp CertificateFiles::stamp_of(const std::filesystem::path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) return {};
  return {
      .inode = found.st_ino,
      .size = static_cast<std::uint64_t>(found.st_size),
      .seconds = static_cast<std::uint64_t>(found.st_mtim.tv_sec),
      .nanoseconds = static_cast<std::uint64_t>(found.st_mtim.tv_nsec)};
}

Result<std::shared_ptr<const Certificate>> CertificateFiles::read(const CertificatePaths& paths) {
  TRY(const std::string chain, read_file(paths.certificate));
  TRY(const std::string key, read_file(paths.key));
  auto made = Certificate::from_pem(chain, key);
  if (made) return made;
  return error(
      Code::InvalidArgument, "TLS certificate {} with key {}: {}", paths.certificate.string(), paths.key.string(),
      made.error().message);
}

}  // namespace bimodal::tls
