#include "wire/zygote.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "wire/frame.h"

namespace bimodal::wire {

namespace {

constexpr int kFilterNumber = 4, kReportNumber = 5;  // sandbox/init_plan.h
constexpr int kAbove = 64;                           // more than any number that is given out

// Waits for the launcher. Ends the process when that hangs up.
Gate pass(int fd) {
  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(Gate))];
  msghdr message{.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = 0;
  do {
    got = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (got <= 0 || header == nullptr || header->cmsg_len != CMSG_LEN(sizeof(Gate))) ::_exit(0);
  Gate gate;
  std::memcpy(&gate, CMSG_DATA(header), sizeof gate);
  return gate;
}
static_assert(sizeof(Gate) == kGateFds * sizeof(int));

bool drop_capabilities() {
  for (unsigned capability = 0; capability < 64; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EINVAL) return false;
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[2]{};
  return ::syscall(SYS_capset, &header, none) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool filter_system_calls(int file) {
  std::vector<sock_filter> program(BPF_MAXINSNS);
  const ssize_t got = ::pread(file, program.data(), program.size() * sizeof(sock_filter), 0);
  if (got <= 0) return false;
  sock_fprog filter{
      .len = static_cast<unsigned short>(static_cast<std::size_t>(got) / sizeof(sock_filter)),
      .filter = program.data()};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

bool place_descriptors(const ForkOrder& order) {
  const bool placed = ::dup2(order.out, 1) >= 0 && ::dup2(order.err, 2) >= 0 &&
                      ::dup2(order.listener, kListenFd) >= 0 && ::dup2(order.channel, kContainerFd) >= 0;
  return placed && ::close_range(kContainerFd + 1, ~0U, 0) == 0;
}

// Execs with nothing of the zygote's open. Descriptor 0 is its /dev/null.
[[noreturn]] void become_init(const Gate& gate, pid_t container) {
  const int program = ::fcntl(gate.program, F_DUPFD_CLOEXEC, kAbove);
  const int filter = ::fcntl(gate.filter, F_DUPFD_CLOEXEC, kAbove);
  const int reports = ::fcntl(gate.reports, F_DUPFD_CLOEXEC, kAbove);
  for (int number : {1, 2}) ::dup2(0, number);
  ::dup2(filter, kFilterNumber);
  ::dup2(reports, kReportNumber);
  ::close(kListenFd);
  ::close_range(kReportNumber + 1, static_cast<unsigned>(program) - 1, 0);
  ::close_range(static_cast<unsigned>(program) + 1, ~0U, 0);
  char pid[16];
  std::snprintf(pid, sizeof pid, "%d", container);
  char* const argv[] = {const_cast<char*>(kAdoptedInit), pid, nullptr};
  char* const env[] = {nullptr};
  ::syscall(SYS_execveat, program, "", argv, env, AT_EMPTY_PATH);
  ::_exit(127);
}

// In the new process. Returns in the container only.
void become_both(const ForkOrder& order, pid_t zygote) {
  ::signal(SIGCHLD, SIG_DFL);
  const Gate gate = pass(order.gate);
  pid_t container = -1;
  // By fork(3): the C library and whoever asked it then know that they were forked.
  do {
    container = ::fork();
    if (container < 0) ::_exit(127);
    if (container == 0 && ::getpid() == zygote) ::_exit(0);
    if (container == 0) break;
  } while (container == zygote && ::waitpid(container, nullptr, 0) == zygote);
  if (container > 0) become_init(gate, container);
  ::setsid();
  if (!drop_capabilities() || !filter_system_calls(gate.filter) || !place_descriptors(order)) ::_exit(126);
}

}  // namespace

int fork_container(const ForkOrder& order) {
  ::signal(SIGCHLD, SIG_IGN);
  sigset_t all, before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t zygote = ::getpid();
  int pidfd = -1;
  const long pid = ::syscall(SYS_clone, kForkFlags, nullptr, &pidfd, nullptr, nullptr);
  const int failure = errno;
  if (pid == 0) become_both(order, zygote);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  errno = failure;
  if (pid == 0) return kInContainer;
  return pid < 0 ? -1 : pidfd;
}

}  // namespace bimodal::wire
