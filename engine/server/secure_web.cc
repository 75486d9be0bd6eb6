#include "server/secure_web.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

#include "async/pulse.h"
#include "async/rough.h"
#include "base/log.h"

namespace bimodal::server {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto kLookPause = 1s;       // between looks at the files
constexpr auto kWarnAhead = 7 * 24h;  // of a certificate's end

void warn_of_ends(const tls::CertificateFiles& files) {
  const auto now = std::chrono::system_clock::now();
  for (const auto& certificate : files.certificates()) {
    const auto left = std::chrono::duration_cast<std::chrono::hours>(certificate->ends() - now);
    if (left > kWarnAhead) continue;
    const std::string name = certificate->names().empty() ? "one without names" : certificate->names().front();
    log::warning("the TLS certificate for {} ends in {} h; replace its files, they are read anew", name, left.count());
  }
}

// False when it was cancelled before.
Task<bool> next_signal(asio::signal_set& signals) {
  boost::system::error_code failure;
  co_await signals.async_wait(asio::redirect_error(asio::use_awaitable, failure));
  co_return !failure;
}

}  // namespace

Result<std::unique_ptr<SecureWeb>> SecureWeb::open(
    const TlsConfig& config, const std::filesystem::path& home, std::function<bool(const std::string&)> serves,
    tls::CertificateSource* acme) {
  std::unique_ptr<SecureWeb> made(new SecureWeb());
  tls::Context::Settings settings{.sources = {}, .offers_http2 = [](std::string_view) { return true; }};
  if (!config.files.empty()) {
    const auto unknown = config.own_authority || acme != nullptr ? tls::CertificateFiles::Unknown::Refuse
                                                                 : tls::CertificateFiles::Unknown::ShowFirst;
    TRY(made->files_, tls::CertificateFiles::load(config.files, unknown));
    warn_of_ends(*made->files_);
    settings.sources.push_back(made->files_.get());
  }
  if (acme != nullptr) settings.sources.push_back(acme);
  if (config.own_authority) {
    TRY(made->own_, tls::OwnCertificates::open(home / "keys" / "ca", std::move(serves)));
    settings.sources.push_back(made->own_.get());
  }
  TRY(made->context_, tls::Context::make(std::move(settings)));
  return made;
}

Task<void> SecureWeb::watch(BlockingPool& pool) {
  using asio::experimental::awaitable_operators::operator||;
  asio::signal_set hang_up(co_await asio::this_coro::executor, SIGHUP);
  while (true) {
    auto woken = co_await (sleep_until(roughly_after(kLookPause)) || next_signal(hang_up));
    const bool goes_on = woken.index() == 0 ? std::get<0>(woken) : std::get<1>(woken);
    if (!goes_on) co_return;
    auto look = [this]() -> Result<void> {
      reload();
      return {};
    };
    if (files_) std::ignore = co_await pool.run(std::move(look));
  }
}

void SecureWeb::reload() {
  auto changed = files_->reload();
  if (!changed) return log::error("{}; the one before goes on being shown", changed.error().message);
  if (*changed == 0) return;
  log::info("read {} TLS certificates anew", *changed);
  warn_of_ends(*files_);
}

}  // namespace bimodal::server
