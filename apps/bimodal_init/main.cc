// bimodal-init: PID 1 of every container.
//
// Starts the user's process, reaps orphans, forwards signals, and ends with the user's process; the kernel then kills
// whatever else runs in the pid namespace. sandbox/init_plan.h says how it talks to the launcher.
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "privileges.h"
#include "read_file.h"
#include "sandbox/init_plan.h"
#include "start.h"

namespace bimodal::init {
namespace {

using sandbox::InitReport;

constexpr std::size_t kMaxPlan = 16 * 1024 * 1024;
constexpr std::size_t kMaxFilter = 64 * 1024;

void report(InitReport::Kind kind, int value, const std::string& text = "") {
  std::string cut = text.substr(0, sandbox::kMaxReportText);
  InitReport head{.kind = kind, .value = value, .text_size = static_cast<std::uint32_t>(cut.size())};
  std::string record(reinterpret_cast<const char*>(&head), sizeof head);
  record += cut;
  // A launcher that is gone kills us anyway.
  if (::write(sandbox::kReportFd, record.data(), record.size()) < 0) ::_exit(125);
}

[[noreturn]] void fail(int code, const std::string& text) {
  report(InitReport::Kind::Failed, code, text);
  ::_exit(127);
}

// Dies with the launcher. The signal is set last among the changes of identity, because those clear it; when the
// launcher is gone by then, nobody reads the pipe any more.
const char* die_with_launcher() {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return "parent death signal";
  pollfd pipe{.fd = sandbox::kReportFd, .events = POLLOUT};
  if (::poll(&pipe, 1, 0) > 0 && (pipe.revents & POLLERR) != 0) return "launcher is gone";
  return nullptr;
}

// Init keeps nothing that a hijacker of it could use.
const char* give_up_privileges(std::string& program) {
  const char* failed = bound_capabilities(0);
  if (failed == nullptr) failed = refuse_new_privileges();
  if (failed == nullptr && !program.empty()) failed = filter_system_calls(program);
  if (failed == nullptr) failed = become(User{}, 0);
  if (failed == nullptr) failed = die_with_launcher();
  return failed;
}

// Reaps whoever has ended. Exits when the user's process is among them.
void reap(pid_t user) {
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
    if (pid != user) continue;
    report(InitReport::Kind::Exited, status);
    ::_exit(0);
  }
}

[[noreturn]] void run() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  // The user's process starts before init has given up its privileges: it must not reach init's memory or descriptors.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) fail(13, "init: hide its memory");
  std::string program = read_file(sandbox::kFilterFd, kMaxFilter);
  pid_t user = -1;
  {
    sandbox::InitPlan plan;
    if (!plan.decode(read_file(sandbox::kPlanFd, kMaxPlan))) fail(13, "init: malformed plan");
    StartOutcome outcome = start_user(plan, program);
    if (!outcome.failure.empty()) fail(outcome.code, outcome.failure);
    user = outcome.pid;
  }
  ::close_range(sandbox::kPlanFd, sandbox::kReportFd - 1, 0);
  ::close_range(sandbox::kReportFd + 1, ~0U, 0);
  const char* failed = give_up_privileges(program);
  if (failed != nullptr) fail(13, std::string("init: ") + failed);
  report(InitReport::Kind::Started, 0);
  for (;;) {
    int number = ::sigwaitinfo(&all, nullptr);
    if (number == SIGCHLD) {
      reap(user);
    } else if (number > 0) {
      ::kill(user, number);
    }
  }
}

// Becomes the user's program of an exec.
[[noreturn]] void exec() {
  // Others of the sandbox run already: they must not reach this process before it is one of them.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) ::_exit(126);
  std::string program = read_file(sandbox::kFilterFd, kMaxFilter);
  sandbox::InitPlan plan;
  const bool sound = !program.empty() && plan.decode(read_file(sandbox::kPlanFd, kMaxPlan));
  if (!sound && ::write(sandbox::kReportFd, "\xDmalformed plan", 15) < 0) ::_exit(125);
  if (!sound) ::_exit(126);
  become_user(plan, program);
}

}  // namespace
}  // namespace bimodal::init

int main(int, char** argv) {
  if (std::string_view(argv[0]) == bimodal::sandbox::kExecName) bimodal::init::exec();
  bimodal::init::run();
}
