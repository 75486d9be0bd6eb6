#include "sandbox/inside_connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "base/check.h"
#include "sandbox/process.h"

namespace bimodal::sandbox {
namespace {

Result<UniqueFd> open_namespace(const std::string& process) {
  UniqueFd made(::open(fmt::format("/proc/{}/ns/net", process).c_str(), O_RDONLY | O_CLOEXEC));
  if (!made) return errno_error(errno, fmt::format("open the network namespace of {}", process));
  return made;
}

constexpr const char* kEnter = "enter a sandbox's network namespace";

int make_socket() {
  return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

Result<UniqueFd> socket_by_visit(const UniqueFd& theirs) {
  TRY(UniqueFd own, open_namespace("self"));
  if (::setns(theirs.get(), CLONE_NEWNET) != 0) return errno_error(errno, kEnter);
  UniqueFd made(make_socket());
  const int failure = errno;
  CHECK(::setns(own.get(), CLONE_NEWNET) == 0);
  if (!made) return errno_error(failure, "socket in a sandbox");
  return made;
}

// The child shares our descriptors, not our memory, and is gone before clone returns to us.
Result<UniqueFd> socket_by_child(const UniqueFd& theirs) {
  struct Outcome {
    int socket = -1, failure = 0;
  };
  void* shared = ::mmap(nullptr, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return errno_error(errno, "mmap");
  auto* outcome = new (shared) Outcome;
  auto child = clone_process(CLONE_FILES | CLONE_VFORK);
  if (child && child->pid == 0) {
    if (::setns(theirs.get(), CLONE_NEWNET) == 0) outcome->socket = make_socket();
    outcome->failure = errno;
    ::_exit(0);
  }
  if (child) ::waitpid(child->pid, nullptr, 0);
  const Outcome told = *outcome;
  ::munmap(shared, sizeof(Outcome));
  if (!child) return tl::unexpected<Error>(child.error());
  if (told.socket < 0) return errno_error(told.failure, kEnter);
  return UniqueFd(told.socket);
}

// A socket belongs to the namespace in which it was made, for ever.
Result<UniqueFd> socket_inside(int pid, Privilege privilege) {
  TRY(UniqueFd theirs, open_namespace(std::to_string(pid)));
  return privilege == Privilege::Root ? socket_by_visit(theirs) : socket_by_child(theirs);
}

}  // namespace

Result<UniqueFd> connect_inside(int pid, Privilege privilege, Ipv4 address, std::uint16_t port) {
  TRY(UniqueFd made, socket_inside(pid, privilege));
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
