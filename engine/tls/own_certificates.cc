#include "tls/own_certificates.h"

#include <unistd.h>

#include "base/log.h"
#include "base/private_files.h"

namespace bimodal::tls {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::system_clock;
using namespace std::chrono_literals;

constexpr auto kClockSkew = 1h;  // of callers' clocks

std::string name_of_authority() {
  char host[256] = "";
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return std::string("Bimodal development CA of ").append(host).substr(0, 64);  // RFC 5280: ub-common-name
}

Result<KeyPair> make_new(const fs::path& certificate, const fs::path& key) {
  const auto now = Clock::now();
  TRY(KeyPair made,
      make_authority(name_of_authority(), {.begins = now - kClockSkew, .ends = now + OwnCertificates::kAuthorityLife}));
  TRY_VOID(write_private(key, made.key));
  TRY_VOID(write_private(certificate, made.certificate));
  log::info("made a development CA: {}", certificate.string());
  return made;
}

}  // namespace

Result<std::unique_ptr<OwnCertificates>> OwnCertificates::open(const fs::path& directory, MayIssue may_issue) {
  const fs::path certificate = directory / "ca.pem";
  const fs::path key = directory / "ca.key";
  KeyPair authority;
  if (std::error_code ignored; fs::exists(certificate, ignored) && fs::exists(key, ignored)) {
    TRY(authority.certificate, read_file(certificate));
    TRY(authority.key, read_file(key));
    auto parsed = Certificate::from_pem(authority.certificate, authority.key);
    if (!parsed) {
      return error(
          Code::DataLoss, "the development CA in {} is damaged ({}): remove that directory and start again",
          directory.string(), parsed.error().message);
    }
    if ((*parsed)->ends() < Clock::now() + kLife) authority = {};
  }
  if (authority.key.empty()) {
    TRY(authority, make_new(certificate, key));
  }
  return std::unique_ptr<OwnCertificates>(new OwnCertificates(std::move(authority), certificate, std::move(may_issue)));
}

std::shared_ptr<const Certificate> OwnCertificates::find(const std::string& name) {
  if (!name.empty() && !may_issue_(name)) return nullptr;
  const auto now = Clock::now();
  const std::lock_guard guard(mutex_);
  auto& kept = made_[name];
  if (kept && now < kept->begins() + (kept->ends() - kept->begins()) * 2 / 3) return kept;
  std::vector<std::string> names = {name};
  if (name.empty() || name == "localhost") names = {"localhost", "127.0.0.1", "::1"};
  const Validity validity{.begins = now - kClockSkew, .ends = now + kLife};
  auto pair = issue(authority_, names, validity);
  auto made = pair ? Certificate::from_pem(pair->certificate, pair->key)
                   : Result<std::shared_ptr<const Certificate>>(tl::unexpected(pair.error()));
  if (!made) {
    const auto before = kept;
    if (!before) made_.erase(name);  // names are callers' words, and without end
    log::warning("no development certificate: {}", made.error().message);
    return before;
  }
  const auto given = *std::move(made);
  kept = given;
  if (made_.size() > kMaxNames) made_.clear();
  return given;
}

}  // namespace bimodal::tls
