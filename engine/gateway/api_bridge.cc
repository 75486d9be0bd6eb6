#include "gateway/api_bridge.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <utility>

namespace bimodal::gateway {
namespace {

using Outcome = http::Transport::Outcome;

constexpr int kIdleSeconds = 60, kProbeSeconds = 15, kProbes = 4;

void watch_for_vanishing(int fd) {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof kIdleSeconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kProbeSeconds, sizeof kProbeSeconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
}

}  // namespace

void ApiBridge::Flow::add(std::string_view bytes) {
  if (taken > 0) waiting.erase(0, std::exchange(taken, 0));
  waiting.append(bytes);
}

void ApiBridge::Flow::took(std::size_t count) {
  taken += count;
  if (taken < waiting.size()) return;
  waiting = std::string();  // an idle connection keeps no buffer
  taken = 0;
}

ApiBridge::ApiBridge(
    http::Reactor& reactor, http::Transport client, const http::Address& peer, UniqueFd server, Owner& owner)
    : http::Connection(peer, client.tls_version()),
      reactor_(reactor),
      owner_(owner),
      client_(std::move(client)),
      server_(std::move(server)) {}

ApiBridge::~ApiBridge() {
  if (client_interest_ != 0 && client_) reactor_.poller().forget(client_.fd(), *this);
  if (server_interest_ != 0 && server_) reactor_.poller().forget(server_.get(), server_side_);
}

void ApiBridge::start(std::string_view received) {
  up_.add(received);
  watch_for_vanishing(client_.fd());
  client_interest_ = server_interest_ = EPOLLIN;
  reactor_.poller().watch(client_.fd(), client_interest_, *this);
  reactor_.poller().watch(server_.get(), server_interest_, server_side_);
  if (client_.unread()) reactor_.poller().again(*this);
  if (!received.empty()) reactor_.poller().defer(*this);
}

void ApiBridge::cut() {
  if (std::exchange(over_, true)) return;
  reactor_.poller().forget(client_.fd(), *this);
  if (!server_hung_up_) reactor_.poller().forget(server_.get(), server_side_);
  client_interest_ = server_interest_ = 0;
  client_.close();
  server_.reset();
  owner_.on_bridge_over(*this);
}

void ApiBridge::on_ready(std::uint32_t events) {
  if (over_) return;
  const std::uint32_t can = client_.ready(events);
  if ((can & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && up_.has_room() && !read_client()) return cut();
  if ((can & EPOLLOUT) != 0 && !write_client()) return cut();
  // What neither reads nor writes can only have been lost.
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && !up_.has_room()) return cut();
  settle();
}

void ApiBridge::on_turn_end() {
  if (!over_) settle();
}

void ApiBridge::on_server_ready(std::uint32_t events) {
  if (over_) return;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && down_.has_room() && !read_server()) return cut();
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && !server_hung_up_) {
    server_hung_up_ = true;
    reactor_.poller().forget(server_.get(), server_side_);
    server_interest_ = 0;
  }
  settle();
}

bool ApiBridge::read_client() {
  const std::span<char> scratch = reactor_.scratch().first(kBuffer - up_.size());
  const http::Transport::Transfer got = client_.read(scratch);
  switch (got.outcome) {
    case Outcome::Done:
      up_.add({scratch.data(), got.size});
      return true;
    case Outcome::Closed:
      up_.ended = true;
      return true;
    case Outcome::Blocked:
      return true;
    case Outcome::Broken:
      break;
  }
  return false;
}

bool ApiBridge::read_server() {
  const std::span<char> scratch = reactor_.scratch().first(kBuffer - down_.size());
  const ssize_t got = ::recv(server_.get(), scratch.data(), scratch.size(), 0);
  if (got > 0) down_.add({scratch.data(), static_cast<std::size_t>(got)});
  if (got == 0) down_.ended = true;
  return got >= 0 || errno == EAGAIN || errno == EINTR;
}

bool ApiBridge::write_client() {
  if (down_.size() > 0) {
    const iovec part{down_.waiting.data() + down_.taken, down_.size()};
    const http::Transport::Transfer sent = client_.write({&part, 1});
    if (sent.outcome == Outcome::Broken || sent.outcome == Outcome::Closed) return false;
    down_.took(sent.size);
  }
  if (down_.size() > 0 || !down_.ended || down_.passed) return true;
  const Outcome ended = client_.end();
  down_.passed = ended == Outcome::Done;
  return ended != Outcome::Broken;
}

bool ApiBridge::write_server() {
  if (up_.size() > 0) {
    const ssize_t sent = ::send(server_.get(), up_.waiting.data() + up_.taken, up_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent > 0) up_.took(static_cast<std::size_t>(sent));
  }
  if (up_.size() == 0 && up_.ended && !up_.passed) up_.passed = ::shutdown(server_.get(), SHUT_WR) == 0;
  return true;
}

// Writes what can be written now; gRPC's server doesn't take up a connection again that it has ended.
void ApiBridge::settle() {
  if (!server_hung_up_ && !write_server()) return cut();
  if (!write_client()) return cut();
  while (server_hung_up_ && down_.has_room()) {
    if (!read_server() || !write_client()) return cut();
  }
  if (down_.passed) return cut();
  watch();
}

void ApiBridge::watch() {
  const std::uint32_t wanted = (up_.has_room() ? EPOLLIN : 0u) | (down_.size() > 0 || down_.ended ? EPOLLOUT : 0u);
  const std::uint32_t interest = client_.interest(wanted);
  if (interest != client_interest_) reactor_.poller().change(client_.fd(), client_interest_ = interest, *this);
  const std::uint32_t server = (down_.has_room() ? EPOLLIN : 0u) | (up_.size() > 0 ? EPOLLOUT : 0u);
  if (!server_hung_up_ && server != server_interest_)
    reactor_.poller().change(server_.get(), server_interest_ = server, server_side_);
  if (client_.unread() && up_.has_room()) reactor_.poller().again(*this);
}

}  // namespace bimodal::gateway
