#include "acme/dns_hook.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <vector>

#include "base/unique_fd.h"

namespace bimodal::acme {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kTimeout = 60s;
constexpr int kLook_ms = 100;  // between looks at the stop token
constexpr std::size_t kKeptOutput = 1024;

struct Child {
  pid_t pid = -1;
  UniqueFd output;
};

Result<Child> spawn(const std::filesystem::path& program, const std::vector<std::string>& words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "pipe");
  Child child{.pid = -1, .output = UniqueFd(ends[0])};
  const UniqueFd theirs(ends[1]);
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, theirs.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, theirs.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  const int failed = ::posix_spawn(&child.pid, program.c_str(), &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) return errno_error(failed, "acme.dns_hook: " + program.string());
  return child;
}

// What the child printed until it closed its output. False: it has to be ended.
bool read_output(const Child& child, std::string& kept, const std::stop_token& stop) {
  const auto end = Clock::now() + kTimeout;
  while (Clock::now() < end && !stop.stop_requested()) {
    pollfd wanted{.fd = child.output.get(), .events = POLLIN, .revents = 0};
    if (::poll(&wanted, 1, kLook_ms) <= 0) continue;
    char part[512];
    const ssize_t got = ::read(child.output.get(), part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    kept.append(part, static_cast<std::size_t>(got));
    if (kept.size() > kKeptOutput) kept.erase(0, kept.size() - kKeptOutput);
  }
  return false;
}

std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

Result<void> run(
    const std::filesystem::path& program, const std::vector<std::string>& words, const std::stop_token& stop) {
  TRY(const Child child, spawn(program, words));
  std::string output;
  const bool ended = read_output(child, output, stop);
  // Its whole group, for what it has started may hold the output open.
  if (!ended) ::kill(-child.pid, SIGKILL);
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended && stop.stop_requested()) return error(Code::Cancelled, "acme.dns_hook {}: stopped", words[0]);
  if (!ended) {
    return error(
        Code::DeadlineExceeded, "acme.dns_hook {} {}: took longer than {} s: {}", words[0], words[1], kTimeout / 1s,
        one_line(output));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return error(
      Code::FailedPrecondition, "acme.dns_hook {} {}: {} {}: {}", words[0], words[1],
      WIFEXITED(status) ? "exit status" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
      one_line(output));
}

}  // namespace

Result<void> DnsHook::present(const std::string& fqdn, const std::string& value, std::stop_token stop) const {
  return run(program_, {"present", fqdn, value}, stop);
}

// To its end, also when the daemon stops: a record that stays is in the way.
Result<void> DnsHook::cleanup(const std::string& fqdn, const std::string& value) const {
  return run(program_, {"cleanup", fqdn, value}, std::stop_token());
}

}  // namespace bimodal::acme
