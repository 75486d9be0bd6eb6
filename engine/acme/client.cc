#include "acme/client.h"

#include <condition_variable>
#include <nlohmann/json.hpp>

#include "acme/json_text.h"
#include "base/log.h"
#include "base/private_files.h"

namespace bimodal::acme {

using nlohmann::json;

namespace {

constexpr int kMaxBadNonces = 8;  // in a row: §6.5 asks for a retry, not for a loop
constexpr std::size_t kKeptNonces = 16;

Failure about(const std::string& name, Error why) {
  why.message = fmt::format("{}: {}", name, why.message);
  return {std::move(why), std::nullopt};
}

tl::unexpected<Failure> refused(const std::string& name, const HttpResponse& response) {
  const auto wait = retry_after(response, std::chrono::system_clock::now());
  return tl::unexpected(Failure{explain(name, response.body, response.status), wait});
}

}  // namespace

bool pause(std::chrono::milliseconds span, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, stop, span, [] { return false; });
  return !stop.stop_requested();
}

Client::Client(ClientOptions options, Fetch fetch, Answers& answers, Pause wait)
    : options_(std::move(options)), fetch_(std::move(fetch)), answers_(answers), wait_(std::move(wait)) {}

Outcome<Client::Directory> Client::directory(std::stop_token stop) {
  {
    const std::scoped_lock lock(mutex_);
    if (directory_) return *directory_;
  }
  auto response = fetch_({.url = options_.directory}, stop);
  if (!response) return tl::unexpected(about("acme.directory", response.error()));
  const json found = json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  Directory made{
      .new_nonce = text_in(found, "newNonce"),
      .new_account = text_in(found, "newAccount"),
      .new_order = text_in(found, "newOrder")};
  if (response->status != 200 || made.new_nonce.empty() || made.new_account.empty() || made.new_order.empty()) {
    Error why{
        Code::FailedPrecondition, fmt::format(
                                      "acme.directory: {} is no ACME directory (RFC 8555): it answered {}",
                                      options_.directory, response->status)};
    return tl::unexpected(Failure{std::move(why), std::nullopt});
  }
  if (auto meta = found.find("meta"); meta != found.end() && meta->is_object()) {
    auto wants = meta->find("externalAccountRequired");
    made.wants_external = wants != meta->end() && wants->is_boolean() && wants->get<bool>();
  }
  const std::scoped_lock lock(mutex_);
  return *(directory_ = made);
}

Result<Key> Client::account_key() const {
  auto text = read_file(options_.account_key);
  if (text) {
    auto key = Key::parse(*text);
    if (key) return key;
    return error(
        Code::DataLoss, "{}: {}; remove it to have a new account made", options_.account_key.string(),
        key.error().message);
  }
  const Key made = Key::make();
  TRY_VOID(write_private(options_.account_key, made.pem()));
  return made;
}

// A second registration of a key finds the first (§7.3): the file with the key is all that is kept.
Outcome<Client::Account> Client::account(const std::string& name, std::stop_token stop) {
  const std::scoped_lock one_at_a_time(registering_);
  {
    const std::scoped_lock lock(mutex_);
    if (account_) return *account_;
  }
  auto known = directory(stop);
  if (!known) return tl::unexpected(known.error());
  auto made = register_account(*known, stop);
  if (!made) return tl::unexpected(Failure{about(name, made.error().error).error, made.error().retry_after});
  const std::scoped_lock lock(mutex_);
  account_ = *made;
  return made;
}

Outcome<Client::Account> Client::register_account(const Directory& known, std::stop_token stop) {
  const std::string whose = "the account at " + options_.directory;
  auto key = account_key();
  if (!key) return tl::unexpected(Failure{key.error(), std::nullopt});
  json payload = {{"termsOfServiceAgreed", true}};
  if (!options_.email.empty()) payload["contact"] = {"mailto:" + options_.email};
  if (known.wants_external && !options_.external) {
    Error why{Code::FailedPrecondition, whose + ": this CA wants acme.eab_file"};
    return tl::unexpected(Failure{std::move(why), std::nullopt});
  }
  if (options_.external) {
    auto binding = external_binding(*options_.external, *key, known.new_account);
    if (!binding) return tl::unexpected(Failure{binding.error(), std::nullopt});
    payload["externalAccountBinding"] = json::parse(*binding);
  }
  Account made{*key, ""};
  auto response = post(whose, known, made, known.new_account, payload.dump(), stop);
  if (!response) return tl::unexpected(response.error());
  made.url = response->field("location");
  if (!made.url.empty()) return made;
  return tl::unexpected(Failure{{Code::FailedPrecondition, whose + ": the CA gave it no URL"}, std::nullopt});
}

Outcome<std::string> Client::take_nonce(const std::string& new_nonce_url, std::stop_token stop) {
  {
    const std::scoped_lock lock(mutex_);
    if (!nonces_.empty()) {
      std::string nonce = std::move(nonces_.front());
      nonces_.pop_front();
      return nonce;
    }
  }
  auto response = fetch_({.method = HttpRequest::Method::Head, .url = new_nonce_url}, stop);
  if (!response) return tl::unexpected(Failure{response.error(), std::nullopt});
  std::string nonce = response->field("replay-nonce");
  if (!nonce.empty()) return nonce;
  Error why{
      Code::FailedPrecondition, fmt::format("{} gives no nonce: it answered {}", new_nonce_url, response->status)};
  return tl::unexpected(Failure{std::move(why), std::nullopt});
}

void Client::keep_nonce(const HttpResponse& response) {
  std::string nonce = response.field("replay-nonce");
  if (nonce.empty()) return;
  const std::scoped_lock lock(mutex_);
  nonces_.push_back(std::move(nonce));
  if (nonces_.size() > kKeptNonces) nonces_.pop_front();  // the oldest is the likeliest to have been forgotten
}

Outcome<HttpResponse> Client::post(
    const std::string& name, const Directory& known, const Account& account, const std::string& url,
    const std::string& payload, std::stop_token stop, const std::string& accept) {
  for (int tries = 1;; ++tries) {
    auto nonce = take_nonce(known.new_nonce, stop);
    if (!nonce) return tl::unexpected(about(name, nonce.error().error));
    const Signing signing{.url = url, .nonce = *nonce, .kid = account.url};
    auto response = fetch_(
        {.method = HttpRequest::Method::Post,
         .url = url,
         .body = signed_body(account.key, signing, payload),
         .accept = accept},
        stop);
    if (!response) return tl::unexpected(about(name, response.error()));
    keep_nonce(*response);
    if (response->status < 400) return *std::move(response);
    const std::string problem = problem_type(response->body);
    if (problem == "badNonce" && tries < kMaxBadNonces) continue;
    if (problem == "accountDoesNotExist") {
      // The CA has forgotten it; the next order makes it anew.
      const std::scoped_lock lock(mutex_);
      account_.reset();
    }
    return refused(name, *response);
  }
}

}  // namespace bimodal::acme
