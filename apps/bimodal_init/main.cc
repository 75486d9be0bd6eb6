// bimodal-init: PID 1 of every container.
//
// Starts the user's process, reaps orphans, forwards signals, and ends with the user's process; the kernel then kills
// whatever else runs in the pid namespace. sandbox/init_plan.h says how it talks to the launcher.
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "privileges.h"
#include "read_file.h"
#include "sandbox/init_plan.h"
#include "start.h"
#include "wire/zygote.h"

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

// Reaps whoever has ended. Exits when the user's process is among them; `stays`: when nothing runs any more.
void reap(pid_t& user, bool stays) {
  static int ended = 0;
  int status = 0;
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid != user) continue;
    ended = status;
    user = 0;
    if (!stays) break;
  }
  if (pid == 0 || (pid < 0 && !stays)) return;
  report(InitReport::Kind::Exited, ended);
  ::_exit(0);
}

// Until the end.
[[noreturn]] void attend(pid_t user, bool stays) {
  sigset_t all;
  ::sigfillset(&all);
  for (;;) {
    int number = ::sigwaitinfo(&all, nullptr);
    if (number == SIGCHLD) {
      reap(user, stays);
    } else if (number > 0 && user > 0) {
      ::kill(user, number);
    }
  }
}

void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

[[noreturn]] void run() {
  block_signals();
  // The user's process starts before init has given up its privileges: it must not reach init's memory or descriptors.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) fail(13, "init: hide its memory");
  std::string program = read_file(sandbox::kFilterFd, kMaxFilter);
  pid_t user = -1;
  bool stays = false;
  {
    sandbox::InitPlan plan;
    if (!plan.decode(read_file(sandbox::kPlanFd, kMaxPlan))) fail(13, "init: malformed plan");
    StartOutcome outcome = start_user(plan, program);
    if (!outcome.failure.empty()) fail(outcome.code, outcome.failure);
    user = outcome.pid;
    stays = plan.zygote != 0;
  }
  ::close_range(sandbox::kPlanFd, sandbox::kReportFd - 1, 0);
  ::close_range(sandbox::kReportFd + 1, ~0U, 0);
  const char* failed = give_up_privileges(program);
  if (failed != nullptr) fail(13, std::string("init: ") + failed);
  report(InitReport::Kind::Started, 0);
  attend(user, stays);
}

// Goes on as the init of a forked container, whose process `user` is. It is root of a user namespace that has no other
// groups, and ends with the namespace of its zygote: no signal on a parent's death.
[[noreturn]] void adopt(pid_t user) {
  block_signals();
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) fail(13, "init: hide its memory");
  std::string program = read_file(sandbox::kFilterFd, kMaxFilter);
  ::close(sandbox::kFilterFd);
  const char* failed = bound_capabilities(0);
  if (failed == nullptr) failed = refuse_new_privileges();
  if (failed == nullptr) failed = filter_system_calls(program);
  if (failed == nullptr) failed = set_capabilities(0);
  if (failed != nullptr) fail(13, std::string("init: ") + failed);
  report(InitReport::Kind::Started, 0);
  reap(user, false);  // it may have ended before anybody could tell
  attend(user, false);
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

int main(int argc, char** argv) {
  if (std::string_view(argv[0]) == bimodal::sandbox::kExecName) bimodal::init::exec();
  if (std::string_view(argv[0]) == bimodal::wire::kAdoptedInit && argc == 2) bimodal::init::adopt(std::atoi(argv[1]));
  bimodal::init::run();
}
