#include "start.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "privileges.h"
#include "read_file.h"
#include "terminal.h"
#include "user.h"

namespace bimodal::init {

namespace {

constexpr int kInvalidArgument = 3, kNotFound = 5, kInternal = 13;  // of base/result.h
constexpr std::size_t kMaxPasswd = 4 * 1024 * 1024;

struct Failure {
  int code;
  std::string text;
};

Failure because(int code, const std::string& what) {
  return {code, what + ": " + std::strerror(errno)};
}

// Moves the passed descriptors to the numbers that the user's process expects, and closes the rest.
// Returns the new number of `kept`, or -1.
int place_descriptors(const std::vector<std::uint64_t>& numbers, int kept) {
  int above = sandbox::kFirstPassedFd + static_cast<int>(numbers.size());
  for (auto number : numbers) above = std::max(above, static_cast<int>(number) + 1);
  std::vector<int> moved;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    int fd = ::fcntl(sandbox::kFirstPassedFd + static_cast<int>(i), F_DUPFD_CLOEXEC, above);
    if (fd < 0) return -1;
    moved.push_back(fd);
  }
  kept = ::fcntl(kept, F_DUPFD_CLOEXEC, above);
  if (kept < 0) return -1;
  ::close_range(3, static_cast<unsigned>(above) - 1, 0);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (::dup2(moved[i], static_cast<int>(numbers[i])) < 0) return -1;
  }
  return kept;
}

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// execvpe(3) with the PATH of the plan instead of init's own. Returns only on failure.
Failure exec(const sandbox::InitPlan& plan) {
  auto argv = pointers(plan.argv);
  auto env = pointers(plan.env);
  const std::string& name = plan.argv[0];
  if (name.find('/') != std::string::npos) {
    ::execve(name.c_str(), argv.data(), env.data());
    return because(errno == ENOENT ? kNotFound : kInvalidArgument, "exec " + name);
  }
  int worst = ENOENT;
  for (std::size_t begin = 0; begin <= plan.path.size();) {
    std::size_t end = std::min(plan.path.find(':', begin), plan.path.size());
    std::string candidate = plan.path.substr(begin, end - begin) + "/" + name;
    ::execve(candidate.c_str(), argv.data(), env.data());
    if (errno != ENOENT && errno != ENOTDIR) worst = errno;
    begin = end + 1;
  }
  errno = worst;
  return because(worst == ENOENT ? kNotFound : kInvalidArgument, "exec " + name + " (PATH " + plan.path + ")");
}

Failure run_user(const sandbox::InitPlan& plan, const User& user, std::string& program, int& answer) {
  bool container = plan.capabilities == 0 || plan.zygote != 0;
  ::setsid();
  reset_signals();
  answer = place_descriptors(plan.rows > 0 ? std::vector<std::uint64_t>{kTerminalSocket} : plan.numbers, answer);
  if (answer < 0) return because(kInternal, "place descriptors");
  const char* failed = bound_capabilities(plan.capabilities);
  if (failed == nullptr && container) failed = refuse_new_privileges();
  // Without no_new_privs only a holder of CAP_SYS_ADMIN may load a filter: before the capabilities go.
  if (failed == nullptr && !program.empty()) failed = filter_system_calls(program);
  if (failed == nullptr) failed = become(user, plan.capabilities);
  if (failed != nullptr) return because(kInternal, failed);
  if (::chdir(plan.cwd.c_str()) != 0) return because(kInvalidArgument, "working directory " + plan.cwd);
  if (plan.rows > 0 && !take_terminal(plan)) return because(kInternal, "terminal");
  return exec(plan);
}

[[noreturn]] void tell(const Failure& failure, int answer) {
  std::string text = std::string(1, static_cast<char>(failure.code)) + failure.text.substr(0, sandbox::kMaxReportText);
  if (::write(answer, text.data(), text.size()) < 0) ::_exit(126);
  ::_exit(127);
}

// In the child: runs the user's program or tells the parent why not.
[[noreturn]] void run_or_tell(const sandbox::InitPlan& plan, const User& user, std::string& program, int answer) {
  const Failure failure = run_user(plan, user, program, answer);
  tell(failure, answer);
}

std::string read_answer(int fd) {
  std::string text(PIPE_BUF, '\0');
  ssize_t got = 0;
  do {
    got = ::read(fd, text.data(), text.size());
  } while (got < 0 && errno == EINTR);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace

void become_user(const sandbox::InitPlan& plan, std::string& program) {
  User user;
  if (!plan.user.empty()) {
    auto found = find_user(plan.user, read_file("/etc/passwd", kMaxPasswd), read_file("/etc/group", kMaxPasswd));
    if (!found) tell({kNotFound, "user " + plan.user + ": not in the image's /etc/passwd"}, sandbox::kReportFd);
    user = *found;
  }
  run_or_tell(plan, user, program, sandbox::kReportFd);
}

StartOutcome start_user(const sandbox::InitPlan& plan, std::string& program) {
  User user;
  if (!plan.user.empty()) {
    auto found = find_user(plan.user, read_file("/etc/passwd", kMaxPasswd), read_file("/etc/group", kMaxPasswd));
    if (!found) return {.code = kNotFound, .failure = "user " + plan.user + ": not in the image's /etc/passwd"};
    user = *found;
  }
  int answer[2];
  if (::pipe2(answer, O_CLOEXEC) != 0) return {.code = kInternal, .failure = "pipe2"};
  pid_t pid = ::fork();
  if (pid < 0) return {.code = kInternal, .failure = std::string("fork: ") + std::strerror(errno)};
  if (pid == 0) run_or_tell(plan, user, program, answer[1]);
  ::close(answer[1]);
  std::string told = read_answer(answer[0]);
  ::close(answer[0]);
  if (told.empty()) return {.pid = pid};
  ::waitpid(pid, nullptr, 0);
  return {.code = told[0], .failure = told.substr(1)};
}

}  // namespace bimodal::init
