#include "acme/vault.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "acme/json_text.h"
#include "acme/names.h"
#include "base/log.h"
#include "base/private_files.h"

namespace bimodal::acme {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::string_view kChainBegins = "-----BEGIN CERTIFICATE-----";

std::string file_name(std::string name, std::string_view extension) {
  std::replace(name.begin(), name.end(), '*', '_');
  return name + std::string(extension);
}

std::int64_t seconds_of(Time time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

void remove_old(const fs::path& file) {
  std::error_code failure;
  fs::remove(file, failure);
  if (failure) log::warning("{}: {}", file.string(), failure.message());
}

}  // namespace

Result<void> Vault::keep(const Certificate& certificate) const {
  return write_private(directory_ / file_name(certificate.name, ".pem"), certificate.key_pem + certificate.chain_pem);
}

Result<void> Vault::keep(const std::string& name, const Attempts& attempts) const {
  const json text = {
      {"failures", attempts.failures}, {"retry_at", seconds_of(attempts.retry_at)}, {"reason", attempts.reason}};
  return write_private(directory_ / file_name(name, ".json"), text.dump() + "\n");
}

Vault::Content Vault::load(Time oldest) const {
  Content out;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, failure)) {
    const fs::path& file = entry.path();
    std::string name = file.stem().string();
    std::replace(name.begin(), name.end(), '_', '*');
    if (!is_name(name)) continue;
    if (file.extension() == ".pem") load_certificate(name, file, oldest, out);
    if (file.extension() == ".json") load_attempts(name, file, oldest, out);
  }
  return out;
}

void Vault::load_certificate(const std::string& name, const fs::path& file, Time oldest, Content& out) const {
  auto text = read_file(file);
  if (!text) return log::warning("{}", text.error().message);
  const std::size_t chain = text->find(kChainBegins);
  auto key = Key::parse(*text);
  auto facts = key && chain != text->npos ? read_chain(text->substr(chain), *key)
                                          : Result<ChainFacts>(error(Code::DataLoss, "no key and certificate"));
  if (!facts) return log::warning("{} is left alone: {}", file.string(), facts.error().message);
  if (facts->not_after < oldest) return remove_old(file);
  out.certificates[name] = std::make_shared<Certificate>(
      Certificate{name, text->substr(chain), text->substr(0, chain), facts->not_before, facts->not_after});
}

void Vault::load_attempts(const std::string& name, const fs::path& file, Time oldest, Content& out) const {
  auto text = read_file(file);
  const json found = text ? json::parse(*text, nullptr, /*allow_exceptions=*/false) : json();
  if (!found.is_object()) return log::warning("{} is left alone: it is damaged", file.string());
  Attempts attempts;
  auto number = [&](const char* member) {
    auto value = found.find(member);
    return value != found.end() && value->is_number_integer() ? value->get<std::int64_t>() : 0;
  };
  attempts.failures = static_cast<int>(std::clamp<std::int64_t>(number("failures"), 0, 1000));
  attempts.retry_at = Time(std::chrono::seconds(number("retry_at")));
  attempts.reason = text_in(found, "reason");
  std::error_code ignored;
  const auto age = fs::file_time_type::clock::now() - fs::last_write_time(file, ignored);
  if (attempts.retry_at < oldest && std::chrono::system_clock::now() - age < oldest) return remove_old(file);
  out.attempts[name] = std::move(attempts);
}

}  // namespace bimodal::acme
