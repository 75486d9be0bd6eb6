#include <signal.h>
#include <sys/socket.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "sandbox/exec.h"
#include "sandbox/launcher.h"
#include "sandbox/remote.h"

namespace bimodal::sandbox {

namespace {

// Waits until the kernel has connected `socket`, or has not.
Task<Result<UniqueFd>> finish_connecting(UniqueFd socket, std::uint16_t port, Deadline deadline) {
  using boost::asio::experimental::awaitable_operators::operator||;
  boost::asio::posix::stream_descriptor watched(co_await boost::asio::this_coro::executor, socket.get());
  boost::system::error_code cancelled;
  auto token = boost::asio::redirect_error(boost::asio::use_awaitable, cancelled);
  auto first = co_await (watched.async_wait(watched.wait_write, token) || sleep_until(deadline));
  watched.release();
  if (first.index() != 0) co_return error(Code::DeadlineExceeded, "connect to port {}", port);
  int failure = 0;
  socklen_t size = sizeof failure;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure != 0) co_return error(Code::Unavailable, "connect to port {}: {}", port, std::strerror(failure));
  co_return std::move(socket);
}

// Kills a sandbox whose start nobody awaits any more: the coroutine was cancelled.
struct AbandonUnlessTaken {
  std::shared_ptr<Remote> remote;
  std::shared_ptr<RemoteState> state;
  ~AbandonUnlessTaken() {
    if (!state) return;
    state->abandoned = true;
    if (state->started && !state->report) remote->ask(Request::Kind::Kill, state->id);
  }
};

Task<Result<std::unique_ptr<Sandbox>>> wait_until_started(
    std::shared_ptr<Remote> remote, std::shared_ptr<RemoteState> state);

class RemoteSandbox : public Sandbox {
 public:
  RemoteSandbox(std::shared_ptr<Remote> remote, std::shared_ptr<RemoteState> state)
      : remote_(std::move(remote)), state_(std::move(state)) {}
  ~RemoteSandbox() override { kill(); }

  int pid() const override { return state_->pid; }
  const std::string& address() const override { return state_->address; }

  void signal(int number) override {
    if (number == SIGKILL) return kill();
    if (!state_->report) remote_->ask(Request::Kind::Signal, state_->id, number);
  }

  void kill() override {
    if (!state_->report) remote_->ask(Request::Kind::Kill, state_->id);
  }

  Task<Result<UniqueFd>> connect(std::uint16_t port, Deadline deadline) override {
    auto state = state_;
    CO_TRY(auto connecting, remote_->ask_connect(*state, port));
    while (!connecting->answered && !state->report) {
      if (!co_await state->changed.wait(deadline)) co_return error(Code::DeadlineExceeded, "connect to port {}", port);
    }
    if (connecting->failure) co_return tl::unexpected<Error>(*connecting->failure);
    if (!connecting->socket) co_return error(Code::Unavailable, "the sandbox has ended");
    co_return co_await finish_connecting(std::move(connecting->socket), port, deadline);
  }

  Task<Result<std::unique_ptr<Exec>>> exec(ExecSpec spec) override {
    auto remote = remote_;
    auto state = state_;
    if (state->report) co_return error(Code::Unavailable, "the sandbox has ended");
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) co_return errno_error(errno, "socketpair");
    UniqueFd theirs(ends[1]);
    auto made = std::make_unique<Exec>(remote->executor(), UniqueFd(ends[0]));
    CO_TRY_VOID(remote->ask_exec(state->id, spec, std::move(theirs)));
    CO_TRY_VOID(co_await made->started());
    co_return made;
  }

  Task<ExitReport> wait() override {
    auto state = state_;
    while (!state->report) co_await state->changed.wait(Deadline::never());
    co_return *state->report;
  }

  Task<Result<std::unique_ptr<Sandbox>>> adopt(Spec spec, Forked forked) override {
    auto remote = remote_;
    CO_TRY(auto state, remote->ask_adopt(spec, state_->id, std::move(forked)));
    co_return co_await wait_until_started(remote, state);
  }

  Task<Result<void>> reroot(Spec spec) override { return change_mounts(Request::Kind::Reroot, std::move(spec)); }

  Task<Result<void>> remount(VolumeMount volume) override {
    Spec spec;
    spec.volumes.push_back(std::move(volume));
    return change_mounts(Request::Kind::Remount, std::move(spec));
  }

 private:
  Task<Result<void>> change_mounts(Request::Kind kind, Spec spec) {
    auto remote = remote_;
    auto state = state_;
    while (state->changing_mounts && !state->report) co_await state->changed.wait(Deadline::never());
    if (state->report) co_return error(Code::Unavailable, "the sandbox has ended");
    state->rerooted.reset();
    CO_TRY_VOID(remote->ask_reroot(kind, state->id, spec));
    state->changing_mounts = true;
    while (!state->rerooted && !state->report) co_await state->changed.wait(Deadline::never());
    if (!state->rerooted) co_return error(Code::Unavailable, "the sandbox ended");
    co_return *state->rerooted;
  }

  std::shared_ptr<Remote> remote_;
  std::shared_ptr<RemoteState> state_;
};

Task<Result<std::unique_ptr<Sandbox>>> wait_until_started(
    std::shared_ptr<Remote> remote, std::shared_ptr<RemoteState> state) {
  AbandonUnlessTaken guard{remote, state};
  while (!state->started && !state->failure) co_await state->changed.wait(Deadline::never());
  guard.state.reset();
  if (state->failure) co_return tl::unexpected<Error>(*state->failure);
  std::unique_ptr<Sandbox> sandbox = std::make_unique<RemoteSandbox>(remote, state);
  co_return sandbox;
}

class RemoteLauncher : public Launcher {
 public:
  explicit RemoteLauncher(std::shared_ptr<Remote> remote) : remote_(std::move(remote)) { remote_->connect(); }
  ~RemoteLauncher() override { remote_->disconnect(); }

  Task<Result<std::unique_ptr<Sandbox>>> start(Spec spec) override {
    auto remote = remote_;
    CO_TRY(auto state, remote->ask_start(spec));
    co_return co_await wait_until_started(remote, state);
  }

  Task<void> close() override {
    auto remote = remote_;
    co_await remote->close();
  }

 private:
  std::shared_ptr<Remote> remote_;
};

}  // namespace

Task<Result<UniqueFd>> Sandbox::connect(std::uint16_t, Deadline) {
  co_return error(Code::Unimplemented, "this sandbox has no network of its own");
}

Task<Result<void>> Sandbox::remount(VolumeMount) {
  co_return error(Code::Unimplemented, "this sandbox has no mounts of its own");
}

Task<Result<std::unique_ptr<Exec>>> Sandbox::exec(ExecSpec) {
  co_return error(Code::Unimplemented, "this sandbox starts no further process");
}

Task<Result<std::unique_ptr<Sandbox>>> Sandbox::adopt(Spec, Forked) {
  co_return error(Code::Unimplemented, "this sandbox is no zygote");
}

std::unique_ptr<Launcher> connect_launcher(LauncherProcess process, boost::asio::any_io_executor executor) {
  return std::make_unique<RemoteLauncher>(std::make_shared<Remote>(std::move(process), std::move(executor)));
}

}  // namespace bimodal::sandbox
