#include "sandbox/slirp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/command.h"

namespace bimodal::sandbox {

namespace {

constexpr const char* kProgram = "slirp4netns";
constexpr const char* kTun = "/dev/net/tun";
constexpr int kReadyFd = 3;

// What the helper keeps: nothing but the pipe that tells "ready", as kReadyFd.
bool arrange_descriptors(int ready) {
  int null = ::open("/dev/null", O_RDWR);
  if (null < 0) return false;
  for (int number : {0, 1, 2}) {
    if (::dup2(null, number) < 0) return false;
  }
  if (ready == kReadyFd ? ::fcntl(ready, F_SETFD, 0) != 0 : ::dup2(ready, kReadyFd) < 0) return false;
  return ::close_range(kReadyFd + 1, ~0U, 0) == 0;
}

[[noreturn]] void be_slirp(pid_t pid, Ipv4 network, const SlirpPipes& pipes) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  int made = pipes.made.get(), ready = pipes.ready.get();
  ::close(pipes.inner.made.get());  // else the end of the child would never show
  char byte = 0;
  if (::read(made, &byte, 1) != 1 || !arrange_descriptors(ready)) ::_exit(1);
  std::string inside = fmt::format("/proc/{}/ns/net", pid), cidr = "--cidr=" + network.text() + "/16";
  std::string ready_fd = fmt::format("--ready-fd={}", kReadyFd);
  ::execlp(
      kProgram, kProgram, "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-sandbox",
      "--enable-seccomp", cidr.c_str(), ready_fd.c_str(), "--netns-type=path", inside.c_str(), "eth0", nullptr);
  ::_exit(127);
}

// In a child, whose exit status is an errno value: opens the device as slirp4netns will.
[[noreturn]] void try_tun() {
  if (::unshare(CLONE_NEWNET) != 0) ::_exit(errno);
  ::_exit(::open(kTun, O_RDWR | O_CLOEXEC) >= 0 ? 0 : errno);
}

}  // namespace

Result<SlirpPipes> make_slirp_pipes() {
  int made[2], ready[2];
  SlirpPipes pipes;
  if (::pipe2(made, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  pipes.made.reset(made[0]);
  pipes.inner.made.reset(made[1]);
  if (::pipe2(ready, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  pipes.inner.ready.reset(ready[0]);
  pipes.ready.reset(ready[1]);
  return pipes;
}

Result<Process> start_slirp(pid_t pid, Ipv4 network, const SlirpPipes& pipes) {
  TRY(Process slirp, clone_process(0));
  if (slirp.pid == 0) be_slirp(pid, network, pipes);
  return slirp;
}

void kill_slirp(const Process& slirp) {
  if (slirp.pid > 0) ::kill(slirp.pid, SIGKILL);
}

void end_slirp(Process& slirp) {
  if (slirp.pid <= 0) return;
  kill_slirp(slirp);
  ::waitpid(slirp.pid, nullptr, 0);
  slirp = {};
}

Result<void> can_slirp() {
  if (!command_output({kProgram, "--version"})) {
    return error(Code::FailedPrecondition, "{0} is missing; install the Debian package {0}", kProgram);
  }
  TRY(Process child, clone_process(0));
  if (child.pid == 0) try_tun();
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::string why = WIFEXITED(status) ? std::strerror(WEXITSTATUS(status)) : "killed";
  return error(
      Code::FailedPrecondition, "{} can't be opened by ordinary users ({}); as root: chmod 0666 {}", kTun, why, kTun);
}

}  // namespace bimodal::sandbox
