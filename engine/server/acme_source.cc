#include "server/acme_source.h"

#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "acme/names.h"
#include "base/log.h"
#include "base/private_files.h"

namespace bimodal::server {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNoCaKnows = "localhost";

bool is_under(std::string_view name, const std::string& domain) {
  return name == domain || name.ends_with("." + domain);
}

Result<void> check(const AcmeConfig& config) {
  if (!config.agree_terms) {
    return error(
        Code::InvalidArgument,
        "acme.enabled needs acme.agree_terms = true: read the terms of the CA at {} and agree with --acme-agree-terms",
        config.directory);
  }
  if (!config.directory.starts_with("https://")) {
    return error(Code::InvalidArgument, "acme.directory: '{}' isn't an https:// URL", config.directory);
  }
  const auto& kinds = config.challenges;
  const bool asks_dns = std::find(kinds.begin(), kinds.end(), acme::ChallengeType::Dns01) != kinds.end();
  if (asks_dns && config.dns_hook.empty()) {
    return error(Code::InvalidArgument, "acme.challenges has dns-01, which needs acme.dns_hook");
  }
  if (!config.dns_hook.empty() && !kinds.empty() && !asks_dns) {
    return error(Code::InvalidArgument, "acme.dns_hook is for dns-01, which acme.challenges leaves out");
  }
  if (!config.dns_hook.empty() && ::access(config.dns_hook.c_str(), X_OK) != 0) {
    return error(Code::InvalidArgument, "acme.dns_hook: {} is no program that may be run", config.dns_hook.string());
  }
  if (!config.ca_file.empty() && ::access(config.ca_file.c_str(), R_OK) != 0) {
    return error(Code::InvalidArgument, "acme.ca_file: {} can't be read", config.ca_file.string());
  }
  return {};
}

// Two words: the key's id and the HMAC key. Neither is told in an error.
Result<acme::ExternalAccount> external_account(const fs::path& file) {
  auto text = read_file(file);
  if (!text) return error(Code::InvalidArgument, "acme.eab_file: {}", text.error().message);
  std::istringstream words(*text);
  acme::ExternalAccount account;
  std::string more;
  if (words >> account.kid >> account.hmac_key && !(words >> more)) return account;
  return error(
      Code::InvalidArgument, "acme.eab_file: {} has to hold two words, the key's id and the HMAC key", file.string());
}

Result<acme::ClientOptions> client_options(const AcmeConfig& config, const fs::path& home) {
  acme::ClientOptions options{
      .directory = config.directory,
      .email = config.email,
      .account_key = home / "keys" / "acme" / "account.pem",
      .validity = std::chrono::duration_cast<std::chrono::seconds>(config.validity)};
  if (!config.challenges.empty()) options.challenges = config.challenges;
  if (!config.eab_file.empty()) {
    TRY(options.external, external_account(config.eab_file));
  }
  return options;
}

}  // namespace

Result<std::unique_ptr<AcmeSource>> AcmeSource::make(
    const AcmeConfig& config, const fs::path& home, const std::string& base_domain) {
  if (!config.enabled) return nullptr;
  TRY_VOID(check(config));
  TRY(acme::ClientOptions options, client_options(config, home));
  std::optional<fs::path> ca_file;
  if (!config.ca_file.empty()) ca_file = config.ca_file;
  acme::Certificates::Options names{
      .directory = home / "certificates", .base_domain = base_domain, .wildcards = !config.dns_hook.empty()};
  std::unique_ptr<AcmeSource> made(new AcmeSource(
      std::move(options), acme::https_fetch(std::move(ca_file)), acme::DnsHook(config.dns_hook), std::move(names)));
  made->own({});
  return made;
}

AcmeSource::AcmeSource(
    acme::ClientOptions options, acme::Fetch fetch, acme::DnsHook hook, acme::Certificates::Options names)
    : base_domain_(names.base_domain),
      answers_(std::move(hook)),
      client_(std::move(options), std::move(fetch), answers_) {
  auto obtain = [this](const std::string& name, int attempt, std::stop_token stop) {
    return client_.obtain(name, attempt, std::move(stop));
  };
  certificates_ = std::make_unique<acme::Certificates>(std::move(names), std::move(obtain));
}

Task<void> AcmeSource::stop(BlockingPool& pool) {
  auto stop = [this] {
    certificates_->stop();
    return true;
  };
  co_await pool.run(std::move(stop));
}

void AcmeSource::own(const std::vector<model::Route>& routes) {
  std::set<std::string> names{"api." + base_domain_};
  for (const model::Route& route : routes) {
    if (!route.stopped) names.insert(route.host);
  }
  std::erase_if(names, [](const std::string& name) { return is_under(name, kNoCaKnows); });
  certificates_->own(std::move(names));
}

std::shared_ptr<const tls::Certificate> AcmeSource::find(const std::string& name) {
  const acme::CertificatePtr found = certificates_->find(name);
  if (!found) return nullptr;
  const std::scoped_lock lock(mutex_);
  Parsed& parsed = parsed_[found->name];
  if (parsed.from == found) return parsed.certificate;
  auto made = tls::Certificate::from_pem(found->chain_pem, found->key_pem);
  if (!made) log::error("{}: {}", found->name, made.error().message);
  parsed = {found, made ? *std::move(made) : nullptr};
  return parsed.certificate;
}

bool AcmeSource::obtain(const std::string& name, std::function<void()> then) {
  if (certificates_->request(name, [then](const acme::CertificatePtr&) { then(); })) return true;
  if (!certificates_->find(name)) return false;
  then();  // it has come since find()
  return true;
}

std::shared_ptr<const tls::Certificate> AcmeSource::find_challenge(const std::string& name) {
  const auto found = answers_.tls(name);
  if (!found) return nullptr;
  auto made = tls::Certificate::from_pem(found->certificate_pem, found->key_pem);
  return made ? *std::move(made) : nullptr;
}

void AcmeSource::write_metrics(metrics::Page& page) const {
  using Phase = acme::NameState::Phase;
  std::map<Phase, std::uint64_t> counts = {{Phase::Ordering, 0}, {Phase::Valid, 0}, {Phase::Failing, 0}};
  for (const acme::NameState& state : states()) counts[state.phase] += 1;
  auto& family = page.family(
      "bimodal_certificates", "Certificates that are obtained by ACME, and names without one.", metrics::Type::Gauge);
  for (const auto& [phase, count] : counts) family.add({{"state", acme::name_of(phase)}}, count);
}

}  // namespace bimodal::server
