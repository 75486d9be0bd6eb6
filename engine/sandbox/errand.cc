#include "sandbox/errand.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "sandbox/capabilities.h"
#include "sandbox/cgroups.h"
#include "sandbox/descriptors.h"
#include "sandbox/growth.h"
#include "sandbox/init_plan.h"
#include "sandbox/packet.h"
#include "sandbox/process.h"

namespace bimodal::sandbox {

static_assert(static_cast<char>(ExecMessage::Terminal) == kTerminalMessage);

namespace {

Result<void> check(bool good, const char* what) {
  if (good) return {};
  return errno_error(errno, what);
}

InitPlan plan_of(const Errand& errand) {
  InitPlan plan;
  plan.argv = errand.spec.argv;
  plan.set_environment(errand.spec.env);
  plan.cwd = errand.spec.cwd;
  plan.user = errand.spec.user;
  plan.capabilities = capabilities_of(errand.profile);
  if (errand.spec.terminal) {
    plan.rows = static_cast<std::uint64_t>(errand.spec.terminal->rows);
    plan.columns = static_cast<std::uint64_t>(errand.spec.terminal->columns);
  }
  for (const auto& passed : errand.spec.fds) plan.numbers.push_back(static_cast<std::uint64_t>(passed.number));
  return plan;
}

struct Arranged {
  int init, user_namespace, program;
};

// As bimodal-init wants them, and behind those, closed on exec, what this process itself still needs.
Result<Arranged> arrange(const Errand& errand, int plan, int answer) {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  TRY_VOID(check(static_cast<bool>(null), "open /dev/null"));
  std::vector<int> wanted = {null.get(), null.get(), null.get(), plan, errand.filter, answer};
  if (errand.spec.terminal) {
    wanted.push_back(errand.control);
  } else {
    wanted.insert(wanted.end(), errand.fds.begin(), errand.fds.end());
  }
  const int inherited = static_cast<int>(wanted.size());
  wanted.insert(wanted.end(), {errand.init, errand.user_namespace, errand.program});
  TRY_VOID(arrange_descriptors(std::move(wanted), static_cast<std::size_t>(inherited)));
  null.release();  // closed or reused by now
  return Arranged{inherited, inherited + 1, inherited + 2};
}

// What the process would otherwise share with the daemon, before it is among the sandbox's.
Result<void> leave_the_launcher(const Errand& errand) {
  TRY_VOID(join_cgroups(errand.cgroups));
  if (errand.privilege == Privilege::Rootless) offer_to_the_oom_killer();
  const bool joined = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0 || errno == ENOSYS;
  return check(joined, "new session keyring");
}

Result<void> enter(const Errand& errand, int& answer) {
  TRY_VOID(leave_the_launcher(errand));
  TRY(UniqueFd plan, memory_file("plan", plan_of(errand).encode()));
  TRY(const Arranged fds, arrange(errand, plan.release(), answer));
  answer = kReportFd;
  constexpr int kOthers = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
  TRY_VOID(check(::setns(fds.init, kOthers) == 0, "enter the sandbox"));
  TRY_VOID(set_limits(errand.limits, errand.privilege));
  TRY_VOID(become_inner_root(fds.user_namespace));
  std::string name = kExecName;
  char* const argv[] = {name.data(), nullptr};
  char* const env[] = {nullptr};
  ::syscall(SYS_execveat, fds.program, "", argv, env, AT_EMPTY_PATH);
  return errno_error(errno, "exec bimodal-init");
}

// In the child.
[[noreturn]] void enter_or_tell(const Errand& errand, int answer) {
  const auto entered = enter(errand, answer);
  std::string text(1, static_cast<char>(entered.error().code));
  text += entered.error().message.substr(0, kMaxReportText);
  std::ignore = ::write(answer, text.data(), text.size());
  ::_exit(127);
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

void say(const Errand& errand, std::string_view packet) {
  std::ignore = send_packet(errand.control, packet, {});  // a daemon that is gone needs no answer
}

// A process of another pid namespace is still this one's child.
int wait_for(const Process& child) {
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Until it has ended, or the daemon wants it to.
int watch(const Errand& errand, const Process& child) {
  pollfd watched[2] = {
      {.fd = child.pidfd.get(), .events = POLLIN, .revents = 0},
      {.fd = errand.control, .events = POLLIN | POLLRDHUP, .revents = 0}};
  while (watched[0].revents == 0) {
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) break;
    if (watched[1].revents == 0) continue;
    ::syscall(SYS_pidfd_send_signal, child.pidfd.get(), SIGKILL, nullptr, 0);
    break;
  }
  return wait_for(child);
}

Result<void> prepare(const Errand& errand) {
  TRY_VOID(check(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "parent death signal"));
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  std::vector<int> kept = {0, 1, 2, errand.user_namespace, errand.init, errand.program, errand.filter, errand.control};
  if (errand.cgroup_to_be_born_in >= 0) kept.push_back(errand.cgroup_to_be_born_in);
  kept.insert(kept.end(), errand.fds.begin(), errand.fds.end());
  close_all_but(std::move(kept));
  // Only children enter a pid namespace.
  return check(::setns(errand.init, CLONE_NEWPID) == 0, "enter the sandbox's processes");
}

// Returns the status of the exec.
Result<int> run(const Errand& errand) {
  TRY_VOID(prepare(errand));
  int pipe[2];
  TRY_VOID(check(::pipe2(pipe, O_CLOEXEC) == 0, "pipe2"));
  TRY(const Process child, clone_process(0, errand.cgroup_to_be_born_in));
  if (child.pid == 0) enter_or_tell(errand, pipe[1]);
  ::close(pipe[1]);
  for (int fd : errand.fds) ::close(fd);  // so that the other ends see the exec's end
  const std::string told = read_answer(pipe[0]);
  ::close(pipe[0]);
  if (!told.empty()) {
    wait_for(child);
    return tl::unexpected(Error{static_cast<Code>(told[0]), told.substr(1)});
  }
  say(errand, std::string(1, static_cast<char>(ExecMessage::Started)));
  return watch(errand, child);
}

}  // namespace

std::string failed_exec(const Error& why) {
  std::string packet = {static_cast<char>(ExecMessage::Failed), static_cast<char>(why.code)};
  return packet + why.message.substr(0, kMaxReportText);
}

void attend(const Errand& errand) {
  auto status = run(errand);
  if (!status) {
    say(errand, failed_exec(status.error()));
    ::_exit(1);
  }
  std::string packet(1, static_cast<char>(ExecMessage::Ended));
  packet.append(reinterpret_cast<const char*>(&*status), sizeof *status);
  say(errand, packet);
  ::_exit(0);
}

}  // namespace bimodal::sandbox
