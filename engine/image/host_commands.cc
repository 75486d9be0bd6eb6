#include "image/host_commands.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>

#include "async/pulse.h"
#include "async/scope.h"
#include "image/step_output.h"

namespace bimodal::image {

namespace asio = boost::asio;

namespace {

// For output that is still in the pipe when the child has ended.
constexpr auto kOutputGrace = std::chrono::seconds(2);

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

Task<void> wait_readable(int pidfd) {
  asio::posix::stream_descriptor watch(co_await asio::this_coro::executor, ::fcntl(pidfd, F_DUPFD_CLOEXEC, 0));
  boost::system::error_code failure;
  co_await watch.async_wait(
      asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, failure));
}

}  // namespace

// A running child. Its group is killed and the child reaped when this goes.
class HostCommands::Child {
 public:
  Child(pid_t pid, UniqueFd watch) : pid_(pid), watch_(std::move(watch)) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), watch_(std::move(other.watch_)) {}
  ~Child() { end(); }

  int watch() const { return watch_.get(); }
  void kill() const { ::kill(-pid_, SIGKILL); }

  // Reaps the child, and kills what is left of its group.
  int end() {
    if (pid_ < 0) return -1;
    kill();
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
  UniqueFd watch_;
};

Result<HostCommands::Child> HostCommands::spawn(HostCommand& command, int output) {
  std::vector<std::string> env;
  for (const auto& [name, value] : command.env) env.push_back(name + "=" + value);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, output, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  auto argv = pointers_to(command.argv);
  auto envp = pointers_to(env);
  int failure = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure == ENOENT) return error(Code::NotFound, "{} is not installed on this host", command.argv[0]);
  if (failure != 0) return errno_error(failure, "starting " + command.argv[0]);
  Child child(pid, UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  if (child.watch() < 0) return errno_error(errno, "watching " + command.argv[0]);
  return child;
}

Task<void> HostCommands::kill_at(Child& child, Deadline deadline, bool& expired) {
  expired = co_await sleep_until(deadline);
  if (expired) child.kill();
}

Task<Result<HostExit>> HostCommands::run(HostCommand command, BuildLog log, Deadline deadline) {
  auto executor = co_await asio::this_coro::executor;
  if (stopped_) co_return error(Code::Cancelled, "{}: the server is stopping", command.argv[0]);
  CO_TRY(auto pipe, make_pipe());
  CO_TRY(auto child, spawn(command, pipe.write.get()));
  pipe.write.reset();
  auto place = running_.insert(running_.end(), &child);
  auto output = std::make_shared<StepOutput>(std::move(log));
  OutputPump pump(executor, std::move(pipe.read), output);
  Scope watchdog(executor, "host command");
  bool expired = false;
  watchdog.spawn(kill_at(child, deadline, expired));
  co_await wait_readable(child.watch());
  running_.erase(place);
  co_await watchdog.close();
  int status = child.end();
  co_await pump.finish(Deadline::after(kOutputGrace));
  if (stopped_) co_return error(Code::Cancelled, "{}: the server is stopping", command.argv[0]);
  if (expired) co_return error(Code::DeadlineExceeded, "{} took too long and was stopped", command.argv[0]);
  co_return HostExit{.status = status, .output = output->tail().text()};
}

void HostCommands::stop() {
  stopped_ = true;
  for (auto* child : running_) child->kill();
}

}  // namespace bimodal::image
