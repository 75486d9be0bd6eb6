#include "sandbox/process.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>

namespace bimodal::sandbox {

namespace {

std::string_view remedy_for(int errnum) {
  switch (errnum) {
    case EPERM:
      return " (namespaces are not allowed here: run as root, or set kernel.unprivileged_userns_clone=1)";
    case ENOSPC:
      return " (raise user.max_*_namespaces)";
    case EAGAIN:
      return " (too many processes: raise the pids limit or kernel.pid_max)";
    default:
      return "";
  }
}

}  // namespace

Result<Process> clone_process(std::uint64_t namespaces, int cgroup) {
  int pidfd = -1;
  clone_args args{};
  args.flags = namespaces | CLONE_PIDFD;
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) {
    int errnum = errno;
    return errno_error(errnum, "clone" + std::string(remedy_for(errnum)));
  }
  if (pid == 0) return Process{.pid = 0};
  return Process{.pid = static_cast<pid_t>(pid), .pidfd = UniqueFd(pidfd)};
}

}  // namespace bimodal::sandbox
