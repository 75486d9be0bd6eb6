#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/generation.h"
#include "sandbox/host.h"
#include "sandbox/launcher.h"
#include "sandbox/packet.h"
#include "sandbox/protocol.h"
#include "sandbox/service.h"

namespace bimodal::sandbox {

namespace {

// The launcher's whole life. Ends with the daemon: PR_SET_PDEATHSIG asks for the orderly end, in case a copy of the
// daemon's socket lives on somewhere.
[[noreturn]] void be_launcher(const LauncherConfig& config, const Generation& generation, UniqueFd socket) {
  ::prctl(PR_SET_NAME, "bimodal-launch");
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::signal(SIGPIPE, SIG_IGN);
  ::setsid();  // a Ctrl-C at the daemon's terminal is the daemon's business
  ::umask(022);
  std::ignore = ::chdir("/");  // no directory is held, and paths are looked up from here
  int number = socket.get();
  if (number > 3) ::close_range(3, static_cast<unsigned>(number) - 1, 0);
  ::close_range(static_cast<unsigned>(number) + 1, ~0U, 0);

  auto host = prepare_host(config, generation);
  if (!host) {
    Reply reason{.kind = Reply::Kind::Notice, .text = host.error().message};
    std::ignore = send_packet(socket.get(), encode(reason), {});
    ::_exit(1);
  }
  Service service(std::move(*host), std::move(socket));
  ::_exit(service.run() ? 0 : 1);
}

}  // namespace

Result<LauncherProcess> fork_launcher(const LauncherConfig& config) {
  return fork_launcher(config, Generation{});
}

Result<LauncherProcess> fork_launcher(const LauncherConfig& config, const Generation& generation) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return errno_error(errno, "socketpair");
  UniqueFd ours(pair[0]), theirs(pair[1]);
  pid_t pid = ::fork();
  if (pid < 0) return errno_error(errno, "fork the launcher");
  if (pid == 0) {
    ours.reset();
    be_launcher(config, generation, std::move(theirs));
  }
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  return LauncherProcess{.pid = pid, .socket = std::move(ours)};
}

}  // namespace bimodal::sandbox
