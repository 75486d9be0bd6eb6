#include "http/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"

namespace bimodal::http {
namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerTurn = 64;
constexpr std::chrono::milliseconds kPause{100};  // when descriptors or connections are used up

Result<UniqueFd> bound_socket(const Address& address, bool share_port) {
  UniqueFd socket(::socket(address.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error(errno, "socket");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (share_port) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(socket.get(), address.get(), address.size) < 0) {
    if (errno == EADDRINUSE) {
      return error(
          Code::AlreadyExists, "{}:{} is in use by another program; stop that one or choose another address",
          address.host(), address.port());
    }
    return errno_error(errno, fmt::format("bind {}:{}", address.host(), address.port()));
  }
  return socket;
}

}  // namespace

Result<void> check_free(const Address& address) {
  if (address.port() == 0) return {};
  TRY(UniqueFd probe, bound_socket(address, false));
  return {};
}

Result<UniqueFd> listen_on(const Address& address) {
  TRY(UniqueFd socket, bound_socket(address, true));
  if (::listen(socket.get(), kBacklog) < 0) {
    return errno_error(errno, fmt::format("listen on {}:{}", address.host(), address.port()));
  }
  return socket;
}

Result<Address> bound_address(int fd) {
  Address address;
  address.size = sizeof address.storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) < 0) {
    return errno_error(errno, "getsockname");
  }
  return address;
}

Listener::Listener(Reactor& reactor, UniqueFd socket, MayAccept may_accept, OnAccept on_accept)
    : reactor_(reactor),
      socket_(std::move(socket)),
      may_accept_(std::move(may_accept)),
      on_accept_(std::move(on_accept)) {
  reactor_.poller().watch(socket_.get(), EPOLLIN, *this);
}

Listener::~Listener() {
  reactor_.poller().forget(socket_.get(), *this);
}

void Listener::on_ready(std::uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (!may_accept_()) return pause();
    Address peer;
    peer.size = sizeof peer.storage;
    UniqueFd socket(
        ::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      if (errno == EAGAIN) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      log::warning("can't accept a connection: {}", errno_error(errno, "accept").value().message);
      return pause();
    }
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    on_accept_(std::move(socket), peer);
  }
}

// Waiting connections stay in the kernel's backlog.
void Listener::pause() {
  reactor_.poller().change(socket_.get(), 0, *this);
  reactor_.arm(*this, kPause);
}

void Listener::on_timeout() {
  reactor_.poller().change(socket_.get(), EPOLLIN, *this);
}

}  // namespace bimodal::http
