#include <signal.h>

#include "sandbox/launcher.h"
#include "sandbox/remote.h"

namespace bimodal::sandbox {

namespace {

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

  Task<ExitReport> wait() override {
    auto state = state_;
    while (!state->report) co_await state->changed.wait(Deadline::never());
    co_return *state->report;
  }

 private:
  std::shared_ptr<Remote> remote_;
  std::shared_ptr<RemoteState> state_;
};

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

class RemoteLauncher : public Launcher {
 public:
  explicit RemoteLauncher(std::shared_ptr<Remote> remote) : remote_(std::move(remote)) { remote_->connect(); }
  ~RemoteLauncher() override { remote_->disconnect(); }

  Task<Result<std::unique_ptr<Sandbox>>> start(Spec spec) override {
    auto remote = remote_;
    CO_TRY(auto state, remote->ask_start(spec));
    AbandonUnlessTaken guard{remote, state};
    while (!state->started && !state->failure) co_await state->changed.wait(Deadline::never());
    guard.state.reset();
    if (state->failure) co_return tl::unexpected<Error>(*state->failure);
    std::unique_ptr<Sandbox> sandbox = std::make_unique<RemoteSandbox>(remote, state);
    co_return sandbox;
  }

  Task<void> close() override {
    auto remote = remote_;
    co_await remote->close();
  }

 private:
  std::shared_ptr<Remote> remote_;
};

}  // namespace

std::unique_ptr<Launcher> connect_launcher(LauncherProcess process, boost::asio::any_io_executor executor) {
  return std::make_unique<RemoteLauncher>(std::make_shared<Remote>(std::move(process), std::move(executor)));
}

}  // namespace bimodal::sandbox
