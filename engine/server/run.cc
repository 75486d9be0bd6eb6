#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <functional>

#include "base/log.h"
#include "sandbox/own_namespace.h"
#include "server/config.h"
#include "server/daemon.h"
#include "server/state_files.h"

namespace bimodal::server {

namespace asio = boost::asio;

namespace {

log::Level level_of(const std::string& name) {
  if (name == "debug") return log::Level::Debug;
  if (name == "warning") return log::Level::Warning;
  if (name == "error") return log::Level::Error;
  return log::Level::Info;
}

// Serves until SIGTERM or SIGINT. A second one ends the process at once, as people expect of Ctrl-C.
Task<void> serve(
    Daemon& daemon, const std::filesystem::path& home, std::function<void()> ready, Result<void>& outcome) {
  asio::signal_set signals(daemon.control_loop().executor(), SIGTERM, SIGINT);
  Result<DaemonInfo> started = co_await daemon.start();
  if (started) outcome = write_daemon_info(home, *started);
  if (!started) outcome = tl::unexpected<Error>(started.error());
  if (outcome) {
    log::info("ready: api {}, web {}", started->api, started->web);
    ready();
    boost::system::error_code ignored;
    int number = co_await signals.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    log::info("stopping: signal {}", number);
    remove_daemon_info(home);
  }
  signals.clear();
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  co_await daemon.stop();
  daemon.control_loop().stop();
}

}  // namespace

Result<void> run(Config config, std::function<void()> ready) {
  TRY_VOID(sandbox::enter_own_namespace());
  TRY_VOID(make_home(config.home));
  TRY_VOID(refuse_foreign(config.layers, "--layers"));
  TRY(HomeLock lock, HomeLock::acquire(config.home));
  TRY(Token token, load_or_create_token(config.home));
  log::open(level_of(config.log_level), config.log_to_stderr ? std::filesystem::path() : config.home / "daemon.log");
  std::signal(SIGPIPE, SIG_IGN);
  TRY(auto launcher, sandbox::fork_launcher({.home = config.home, .init_path = config.init_path}));

  Result<void> outcome;
  std::filesystem::path home = config.home;
  Daemon daemon(std::move(config), std::move(token), std::move(launcher));
  asio::co_spawn(daemon.control_loop().context(), serve(daemon, home, std::move(ready), outcome), asio::detached);
  daemon.control_loop().run();
  return outcome;
}

}  // namespace bimodal::server
