#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <functional>

#include "base/log.h"
#include "sandbox/generation.h"
#include "sandbox/own_namespace.h"
#include "server/config.h"
#include "server/daemon.h"
#include "server/state_files.h"
#include "server/succession.h"

namespace bimodal::server {

namespace asio = boost::asio;

namespace {

log::Level level_of(const std::string& name) {
  if (name == "debug") return log::Level::Debug;
  if (name == "warning") return log::Level::Warning;
  if (name == "error") return log::Level::Error;
  return log::Level::Info;
}

// What run() shares with the coroutine that serves.
struct Term {
  const Places places;
  std::function<void()> ready;
  std::optional<Predecessor> predecessor = {};
  Tenure tenure = {};
  Result<void> outcome = {};
};

Task<Result<void>> begin(Daemon& daemon, Term& term) {
  Inherited inherited;
  if (term.predecessor) {
    CO_TRY(inherited, co_await inherit(*term.predecessor, term.places));
  }
  CO_TRY_VOID(co_await daemon.start(std::move(inherited)));
  if (term.predecessor) {
    CO_TRY(term.tenure.lock, co_await take_home(*term.predecessor, term.tenure.home));
  }
  CO_TRY(term.tenure.info, daemon.open());
  CO_TRY_VOID(write_daemon_info(term.tenure.home, term.tenure.info));
  if (term.predecessor) daemon.follow(std::exchange(term.predecessor, std::nullopt)->channel);
  co_return Result<void>();
}

Task<int> next_signal(asio::signal_set& signals) {
  boost::system::error_code ignored;
  co_return co_await signals.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

// Serves until SIGTERM or SIGINT, or another daemon has taken over. A second signal ends the process at once, as people
// expect of Ctrl-C.
Task<void> serve(Daemon& daemon, Term& term) {
  using asio::experimental::awaitable_operators::operator||;
  asio::signal_set signals(daemon.control_loop().executor(), SIGTERM, SIGINT);
  term.outcome = co_await begin(daemon, term);
  term.predecessor.reset();  // one that isn't followed takes all back
  if (term.outcome) {
    log::info("ready: api {}, web {}", term.tenure.info.api, term.tenure.info.web);
    term.ready();
    auto first = co_await (next_signal(signals) || await_successor(daemon, term.tenure));
    if (first.index() == 0) {
      log::info("stopping: signal {}", std::get<0>(first));
      remove_daemon_info(term.tenure.home);
    } else {
      log::info("another daemon has taken over; what runs here may end");
    }
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
  Term term{
      .places =
          {.api = config.api,
           .web = config.web,
           .admin = config.admin,
           .https = config.has_https() ? config.tls.address : ""},
      .ready = std::move(ready)};
  term.tenure.home = config.home;
  if (config.replace) {
    TRY(term.predecessor, meet_predecessor(config.home));
  }
  if (!term.predecessor) {
    TRY(term.tenure.lock, HomeLock::acquire(config.home));
  }
  std::vector<int> spared = draining_generations(config.home);
  if (term.predecessor) spared.push_back(term.predecessor->generation);
  TRY(term.tenure.generation, free_generation(spared));
  TRY(Token token, load_or_create_token(config.home));
  log::open(level_of(config.log_level), config.log_to_stderr ? std::filesystem::path() : config.home / "daemon.log");
  std::signal(SIGPIPE, SIG_IGN);
  const sandbox::Generation generation{.number = term.tenure.generation, .spared = spared};
  TRY(auto launcher, sandbox::fork_launcher({.home = config.home, .init_path = config.init_path}, generation));

  Daemon daemon(std::move(config), std::move(token), std::move(launcher));
  asio::co_spawn(daemon.control_loop().context(), serve(daemon, term), asio::detached);
  daemon.control_loop().run();
  return term.outcome;
}

}  // namespace bimodal::server
