#include "cli/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <thread>

#include "base/unique_fd.h"
#include "cli/resources.h"

namespace bimodal::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Names the descriptor on which a background daemon tells its parent "ready" or why it failed, in one line.
constexpr const char* kReportVariable = "BIMODAL_REPORT_FD";
constexpr const char* kReady = "ready";
constexpr milliseconds kPollInterval{20};

int milliseconds_until(Clock::time_point deadline) {
  auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

// The command line of the daemon: the same flags, so that it comes to the same settings.
std::vector<std::string> daemon_command(const Settings& settings, const Flags& flags, OverRunning over) {
  std::vector<std::string> words = {resources().binary.string(), "up", "--foreground"};
  if (over == OverRunning::Replace) words.push_back("--replace");
  for (const Key& key : keys()) {
    if (auto flag = flags.find(key.name); flag != flags.end() && key.name != "home") {
      words.push_back(key.flag());
      words.push_back(flag->second);
    }
  }
  words.insert(words.end(), {"--home", settings.daemon.home.string()});
  return words;
}

// In the forked child of a process with one thread.
[[noreturn]] void become_daemon(char* const* words, const char* crash_log, int report) {
  ::setsid();
  int null = ::open("/dev/null", O_RDONLY);
  int log = ::open(crash_log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (null < 0 || log < 0 || ::dup2(null, 0) < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0) ::_exit(127);
  // dup2 to itself would keep close-on-exec; 3 is free or ours to take.
  if (report == 3) {
    ::fcntl(report, F_SETFD, 0);
  } else if (::dup2(report, 3) < 0) {
    ::_exit(127);
  }
  ::close_range(4, ~0U, 0);
  ::setenv(kReportVariable, "3", 1);
  ::execv(words[0], words);
  ::_exit(127);
}

// One line from `fd`, without its newline; empty when the writer went without a word or `deadline` passed.
std::string read_line(int fd, Clock::time_point deadline) {
  std::string line;
  char byte = 0;
  pollfd ready{fd, POLLIN, 0};
  while (::poll(&ready, 1, milliseconds_until(deadline)) > 0 && ::read(fd, &byte, 1) == 1 && byte != '\n') line += byte;
  return line;
}

// The descriptor towards the parent; none when started by hand. For the start of the process, before any thread.
UniqueFd take_report_descriptor() {
  const char* number = std::getenv(kReportVariable);
  if (number == nullptr) return UniqueFd();
  UniqueFd report(std::atoi(number));
  ::unsetenv(kReportVariable);
  ::fcntl(report.get(), F_SETFD, FD_CLOEXEC);
  return report;
}

// A daemon that listens on every address is reached over loopback.
std::string reachable(const std::string& address) {
  constexpr std::string_view kAny = "0.0.0.0:";
  return address.starts_with(kAny) ? "127.0.0.1:" + address.substr(kAny.size()) : address;
}

void send_line(UniqueFd& report, std::string line) {
  line += '\n';
  [[maybe_unused]] ssize_t written = ::write(report.get(), line.data(), line.size());
  report.reset();
}

}  // namespace

Result<server::DaemonInfo> start_daemon(const Settings& settings, const Flags& flags, OverRunning over) {
  const fs::path& home = settings.daemon.home;
  const auto timeout = over == OverRunning::Replace ? kReplaceTimeout : kStartTimeout;
  std::optional<int> pid_before = over == OverRunning::Refuse ? server::lock_holder(home) : std::nullopt;
  if (pid_before) {
    return error(
        Code::AlreadyExists,
        "a daemon already runs on {} with pid {}; `bimodal down` stops it, `bimodal up --replace` takes over from it",
        home.string(), *pid_before);
  }
  TRY_VOID(server::make_home(home));
  std::vector<std::string> words = daemon_command(settings, flags, over);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  std::string crash_log = home / "daemon.stderr";
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "make a pipe for the daemon");
  UniqueFd reader(ends[0]), writer(ends[1]);
  pid_t pid = ::fork();
  if (pid < 0) return errno_error(errno, "fork the daemon");
  if (pid == 0) become_daemon(pointers.data(), crash_log.c_str(), writer.get());
  writer.reset();

  std::string line = read_line(reader.get(), Clock::now() + timeout);
  if (line == kReady) return server::read_daemon_info(home);
  if (!line.empty()) return error(Code::Unavailable, "{}", line);
  if (::waitpid(pid, nullptr, WNOHANG) == 0) {
    return error(
        Code::DeadlineExceeded, "the daemon (pid {}) isn't ready after {} s; see `bimodal logs`", pid, timeout.count());
  }
  return error(Code::Internal, "the daemon died at its start; see {} and `bimodal logs`", crash_log);
}

Result<server::DaemonInfo> ensure_daemon(const Settings& settings, const Flags& flags) {
  const fs::path& home = settings.daemon.home;
  Clock::time_point deadline = Clock::now() + kStartTimeout;
  while (Clock::now() < deadline) {
    if (Result<server::DaemonInfo> info = server::read_daemon_info(home)) return info;
    if (!server::lock_holder(home)) {
      Result<server::DaemonInfo> started = start_daemon(settings, flags);
      // Another command may have been faster: then its daemon is the one to use.
      if (started || !server::lock_holder(home)) return started;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
  return error(
      Code::DeadlineExceeded, "the daemon on {} (pid {}) neither answers nor goes; see `bimodal logs`", home.string(),
      server::lock_holder(home).value_or(0));
}

Result<void> stop_daemon(const fs::path& home, std::chrono::seconds patience) {
  std::optional<int> pid = server::lock_holder(home);
  if (!pid) return error(Code::NotFound, "no daemon runs on {}", home.string());
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  // Asked again: the descriptor surely means the lock's holder only when it still is.
  if (!process || server::lock_holder(home) != pid) return {};
  if (::syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0) != 0) {
    return error(
        Code::PermissionDenied, "can't stop the daemon with pid {}: it belongs to another user; use that account",
        *pid);
  }
  pollfd gone{process.get(), POLLIN, 0};
  if (::poll(&gone, 1, milliseconds_until(Clock::now() + patience)) == 0) {
    return error(
        Code::DeadlineExceeded, "the daemon (pid {}) still drains after {} s; wait longer or `kill -9 {}`", *pid,
        patience.count(), *pid);
  }
  return {};
}

Result<void> run_daemon(Settings settings, OverRunning over) {
  settings.daemon.replace = over == OverRunning::Replace;
  auto report = std::make_shared<UniqueFd>(take_report_descriptor());
  bool in_background = static_cast<bool>(*report);
  settings.daemon.log_to_stderr = !in_background;
  if (in_background && ::chdir("/") != 0) return errno_error(errno, "chdir /");
  auto ready = [report, home = settings.daemon.home] {
    if (*report) return send_line(*report, kReady);
    if (Result<server::DaemonInfo> info = server::read_daemon_info(home)) print_addresses(*info);
  };
  Result<void> done = server::run(std::move(settings.daemon), ready);
  if (!done && *report) send_line(*report, done.error().message);
  return done;
}

void print_addresses(const server::DaemonInfo& info) {
  std::cout << "api  " << api_url(info) << "\nweb  " << web_url(info) << std::endl;
  if (!info.https.empty()) std::cout << "https  " << https_url(info) << std::endl;
  if (info.authority_file.empty()) return;
  std::cout << "Certificates are a development CA's. To trust it: curl --cacert, or\n"
            << "  export SSL_CERT_FILE=" << info.authority_file << std::endl;
}

std::string api_url(const server::DaemonInfo& info) {
  return "http://" + reachable(info.api);
}

std::string web_url(const server::DaemonInfo& info) {
  return "http://" + reachable(info.web);
}

std::string https_url(const server::DaemonInfo& info) {
  return info.https.empty() ? "" : "https://" + reachable(info.https);
}

std::string admin_url(const server::DaemonInfo& info) {
  return info.admin.empty() ? "" : "http://" + reachable(info.admin);
}

}  // namespace bimodal::cli
