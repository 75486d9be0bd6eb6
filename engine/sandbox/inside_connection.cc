#include "sandbox/inside_connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/check.h"

namespace bimodal::sandbox {
namespace {

Result<UniqueFd> open_namespace(const std::string& process) {
  UniqueFd made(::open(fmt::format("/proc/{}/ns/net", process).c_str(), O_RDONLY | O_CLOEXEC));
  if (!made) return errno_error(errno, fmt::format("open the network namespace of {}", process));
  return made;
}

// A socket belongs to the namespace in which it was made, for ever.
Result<UniqueFd> socket_inside(int pid) {
  TRY(UniqueFd own, open_namespace("self"));
  TRY(UniqueFd theirs, open_namespace(std::to_string(pid)));
  if (::setns(theirs.get(), CLONE_NEWNET) != 0) return errno_error(errno, "enter a sandbox's network namespace");
  UniqueFd made(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int failure = errno;
  CHECK(::setns(own.get(), CLONE_NEWNET) == 0);
  if (!made) return errno_error(failure, "socket in a sandbox");
  return made;
}

}  // namespace

Result<UniqueFd> connect_inside(int pid, Ipv4 address, std::uint16_t port) {
  TRY(UniqueFd made, socket_inside(pid));
  const int on = 1;
  ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(port);
  target.sin_addr.s_addr = htonl(address.value);
  if (::connect(made.get(), reinterpret_cast<sockaddr*>(&target), sizeof target) == 0 || errno == EINPROGRESS) {
    return made;
  }
  return errno_error(errno, fmt::format("connect to port {}", port));
}

}  // namespace bimodal::sandbox
