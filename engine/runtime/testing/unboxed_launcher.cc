#include "testing/unboxed_launcher.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <optional>

#include "async/pulse.h"

namespace bimodal::runtime {

namespace asio = boost::asio;

namespace {

constexpr int kAboveTargets = 200;  // duplicates wait here, out of the way of the numbers that they get

class ChildProcess : public sandbox::Sandbox {
 public:
  ChildProcess(asio::any_io_executor executor, int pid)
      : pid_(pid), ended_(executor, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~ChildProcess() override {
    if (report_) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  int pid() const override { return pid_; }
  const std::string& address() const override { return address_; }
  void signal(int number) override {
    if (!report_) ::kill(pid_, number);
  }
  void kill() override {
    if (!report_) ::kill(-pid_, SIGKILL);
  }
  Task<sandbox::ExitReport> wait() override {
    boost::system::error_code cancelled;
    co_await ended_.async_wait(
        asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, cancelled));
    if (!report_) reap();
    co_return *report_;
  }
  Task<Result<void>> reroot(sandbox::Spec spec) override {
    co_return error(Code::Unimplemented, "{} is unboxed", spec.name);
  }

 private:
  void reap() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    report_.emplace();
    if (WIFEXITED(status)) {
      report_->exit_code = WEXITSTATUS(status);
    } else {
      report_->signal = WTERMSIG(status);
    }
  }

  int pid_;
  std::string address_ = "127.0.0.1";
  asio::posix::stream_descriptor ended_;
  std::optional<sandbox::ExitReport> report_;
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (auto& one : strings) all.push_back(one.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

Task<Result<std::unique_ptr<sandbox::Sandbox>>> UnboxedLauncher::start(sandbox::Spec spec) {
  started.push_back(spec);
  for (auto& bind : spec.binds) spec.env["FAKE_CONTAINER_API"] = (bind.source / "api.sock").string();
  std::vector<std::string> env;
  for (auto& [name, value] : spec.env) env.push_back(name + "=" + value);

  std::vector<UniqueFd> duplicates;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (auto& passed : spec.fds) {
    duplicates.emplace_back(::fcntl(passed.fd, F_DUPFD_CLOEXEC, kAboveTargets));
    posix_spawn_file_actions_adddup2(&actions, duplicates.back().get(), passed.number);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  int pid = -1;
  int failure = ::posix_spawnp(
      &pid, spec.argv.at(0).c_str(), &actions, &attributes, pointers(spec.argv).data(), pointers(env).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) co_return errno_error(failure, "spawn " + spec.argv.at(0));
  std::unique_ptr<sandbox::Sandbox> child = std::make_unique<ChildProcess>(executor_, pid);
  co_return child;
}

}  // namespace bimodal::runtime
