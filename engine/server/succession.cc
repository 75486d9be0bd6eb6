#include "server/succession.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/pulse.h"
#include "base/log.h"
#include "sandbox/generation.h"

namespace bimodal::server {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto kAnswerPatience = 5s;
constexpr auto kGivePatience = 60s;    // for a daemon that greeted to make its launcher
constexpr auto kStatePatience = 120s;  // for plain inputs that run to end, see Daemon::give()
constexpr auto kReadyPatience = 120s;  // for the new one to recover
constexpr auto kLockPause = 5ms;
constexpr auto kAcceptPause = 100ms;  // when descriptors are used up

// Whether a socket that is bound to `bound` is what `wanted` asks for; its port 0 is any.
bool is_same_place(const std::string& bound, const std::string& wanted) {
  const auto host = [](const std::string& address) { return address.substr(0, address.rfind(':')); };
  return bound == wanted || (wanted.ends_with(":0") && host(bound) == host(wanted));
}

Task<Result<UniqueFd>> accept_one(int listener) {
  asio::posix::stream_descriptor readable(co_await asio::this_coro::executor, listener);
  const std::shared_ptr<void> lent(nullptr, [&readable](void*) { readable.release(); });
  boost::system::error_code cancelled;
  co_await readable.async_wait(readable.wait_read, asio::redirect_error(asio::use_awaitable, cancelled));
  if (cancelled) co_return error(Code::Cancelled, "no other daemon is waited for any more");
  UniqueFd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) co_return errno_error(errno, "accept another daemon");
  co_return connection;
}

Task<Result<void>> hand_over(Daemon& daemon, Tenure& tenure, std::shared_ptr<HandOverChannel> successor);
Task<Result<void>> give_home(Daemon& daemon, Tenure& tenure, std::shared_ptr<HandOverChannel> successor);

}  // namespace

Result<std::optional<Predecessor>> meet_predecessor(const std::filesystem::path& home) {
  auto socket = connect_to_daemon(home);
  if (!socket) return std::nullopt;
  auto channel = std::make_shared<HandOverChannel>(*std::move(socket));
  TRY_VOID(channel->send(saying("hello")));
  TRY(const HandOverMessage hello, channel->receive_now(Deadline::after(kAnswerPatience)));
  return Predecessor{
      .channel = std::move(channel),
      .pid = hello.head.value("pid", 0),
      .generation = hello.head.value("generation", 0),
      .api = hello.head.value("api", ""),
      .web = hello.head.value("web", ""),
      .admin = hello.head.value("admin", ""),
      .https = hello.head.value("https", "")};
}

Result<int> free_generation(const std::vector<int>& spared) {
  for (int generation = 0; generation < sandbox::kGenerations; ++generation) {
    if (std::find(spared.begin(), spared.end(), generation) == spared.end()) return generation;
  }
  return error(
      Code::ResourceExhausted, "{} daemons that were replaced still let their last requests end; try again later",
      spared.size());
}

Task<Result<Inherited>> inherit(Predecessor predecessor, Places places) {
  HandOverChannel& channel = *predecessor.channel;
  CO_TRY_VOID(channel.send(saying("give")));
  CO_TRY(HandOverMessage state, co_await channel.expect("state", Deadline::after(kStatePatience)));
  if (state.fds.empty()) co_return error(Code::Unavailable, "the other daemon gave no sockets");
  Inherited inherited;
  inherited.warm = state.head.value("warm", std::vector<std::string>());
  if (is_same_place(predecessor.admin, places.admin)) inherited.admin = predecessor.admin;
  if (is_same_place(predecessor.api, places.api)) inherited.api = std::move(state.fds[0]);
  const std::size_t secure = std::min(state.head.value("https", std::size_t{0}), state.fds.size() - 1);
  const std::size_t plain = state.fds.size() - 1 - secure;
  for (std::size_t i = 0; i < plain && is_same_place(predecessor.web, places.web); ++i) {
    inherited.web.push_back(std::move(state.fds[1 + i]));
  }
  for (std::size_t i = 0; i < secure && is_same_place(predecessor.https, places.https); ++i) {
    inherited.https.push_back(std::move(state.fds[1 + plain + i]));
  }
  inherited.ticket_keys = std::move(state.body);
  co_return inherited;
}

Task<Result<HomeLock>> take_home(Predecessor predecessor, std::filesystem::path home) {
  const Deadline deadline = Deadline::after(kAnswerPatience);
  CO_TRY_VOID(predecessor.channel->send(saying("ready")));
  // One that dies just now has left the home, too.
  auto go = co_await predecessor.channel->expect("go", deadline);
  if (!go && go.error().code != Code::Unavailable) co_return tl::unexpected(go.error());
  while (true) {
    auto lock = HomeLock::acquire(home);
    if (lock || deadline.passed()) co_return lock;
    if (!co_await sleep_until(Deadline::after(kLockPause))) co_return lock;
  }
}

Task<void> await_successor(Daemon& daemon, Tenure& tenure) {
  auto listener = listen_for_successor(tenure.home);
  if (!listener) {
    log::error("no other daemon can take over: {}", listener.error().message);
    co_await sleep_until(Deadline::never());
    co_return;
  }
  while (true) {
    auto connection = co_await accept_one(listener->get());
    if (!connection && !co_await sleep_until(Deadline::after(kAcceptPause))) co_return;
    if (!connection || !is_own(connection->get())) continue;
    auto successor = std::make_shared<HandOverChannel>(*std::move(connection));
    auto done = co_await hand_over(daemon, tenure, std::move(successor));
    if (done) co_return;
    log::warning("another daemon doesn't take over: {}", done.error().message);
  }
}

namespace {

Task<Result<void>> hand_over(Daemon& daemon, Tenure& tenure, std::shared_ptr<HandOverChannel> successor) {
  CO_TRY_VOID(co_await successor->expect("hello", Deadline::after(kAnswerPatience)));
  nlohmann::json hello = {{"say", "hello"},
                          {"pid", tenure.info.pid},
                          {"generation", tenure.generation},
                          {"api", tenure.info.api},
                          {"web", tenure.info.web},
                          {"admin", tenure.info.admin},
                          {"https", tenure.info.https}};
  CO_TRY_VOID(successor->send(std::move(hello)));
  CO_TRY_VOID(co_await successor->expect("give", Deadline::after(kGivePatience)));
  log::info("another daemon takes over");
  auto done = co_await give_home(daemon, tenure, std::move(successor));
  if (!done) co_await daemon.take_back();
  co_return done;
}

Task<Result<void>> give_home(Daemon& daemon, Tenure& tenure, std::shared_ptr<HandOverChannel> successor) {
  CO_TRY(const Inherited given, co_await daemon.give());
  std::vector<int> sockets = {given.api.get()};
  for (const UniqueFd& socket : given.web) sockets.push_back(socket.get());
  for (const UniqueFd& socket : given.https) sockets.push_back(socket.get());
  nlohmann::json state = {{"say", "state"}, {"warm", given.warm}, {"https", given.https.size()}};
  CO_TRY_VOID(successor->send(std::move(state), given.ticket_keys, sockets));
  CO_TRY_VOID(co_await successor->expect("ready", Deadline::after(kReadyPatience)));
  CO_TRY(tenure.draining, mark_draining(tenure.home, tenure.generation));
  tenure.lock.reset();
  auto gone = successor->send(saying("go"));
  if (gone) {
    daemon.leave_to(std::move(successor));
    co_return Result<void>();
  }
  tenure.draining.reset();
  CO_TRY(tenure.lock, HomeLock::acquire(tenure.home));
  co_return gone;
}

}  // namespace

}  // namespace bimodal::server
