#include "http/proxy_gate.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "http/proxy_header.h"

namespace bimodal::http {

ProxyGate::ProxyGate(
    Reactor& reactor, UniqueFd socket, const Address& peer, std::chrono::milliseconds patience, Done done)
    : reactor_(reactor), socket_(std::move(socket)), peer_(peer), done_(std::move(done)) {
  reactor_.poller().watch(socket_.get(), EPOLLIN, *this);
  reactor_.arm(*this, patience);
}

ProxyGate::~ProxyGate() {
  if (watched_) reactor_.poller().forget(socket_.get(), *this);
  reactor_.disarm(*this);
}

void ProxyGate::on_ready(std::uint32_t) {
  while (true) {
    const auto size = proxy_header_size(std::string_view(received_).substr(0, kProxyStart));
    if (!size) return refuse(size.error().message);
    if (received_.size() >= kProxyStart && received_.size() == *size) break;
    const std::size_t wanted = received_.size() < kProxyStart ? kProxyStart : *size;
    char part[kMaxProxyHeader];
    const ssize_t got = ::recv(socket_.get(), part, wanted - received_.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return refuse("it ended before its PROXY header did");
    received_.append(part, static_cast<std::size_t>(got));
  }
  auto caller = proxied_address(received_);
  if (!caller) return refuse(caller.error().message);
  Address address = *caller ? **caller : peer_;
  pass({std::move(socket_), address, ""});
}

void ProxyGate::on_timeout() {
  refuse("no PROXY header came in time");
}

void ProxyGate::refuse(std::string why) {
  pass({UniqueFd(), peer_, std::move(why)});
}

void ProxyGate::pass(Passed passed) {
  const int number = passed.socket ? passed.socket.get() : socket_.get();
  reactor_.poller().forget(number, *this);
  watched_ = false;
  reactor_.disarm(*this);
  done_(*this, std::move(passed));
}

}  // namespace bimodal::http
