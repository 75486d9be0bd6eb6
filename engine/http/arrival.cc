#include "http/arrival.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "tls/context.h"

namespace bimodal::http {
namespace {

constexpr std::string_view kPlainHttpAnswer =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 71\r\n"
    "Connection: close\r\n\r\n"
    "modal-http: this port speaks https; ask again with https:// in the URL\n";

}  // namespace

struct Arrival::Alive {
  Loop& loop;
  Arrival* arrival;  // read on its loop only
};

Arrival::Arrival(
    Reactor& reactor, UniqueFd socket, const Address& peer, const tls::Context& context, const ArrivalLimits& limits,
    Owner& owner)
    : reactor_(reactor),
      limits_(limits),
      owner_(owner),
      peer_(peer),
      socket_(std::move(socket)),
      session_(context.begin(socket_.get(), handshake_)) {
  handshake_.make_wake = [this]() -> std::function<void()> {
    if (!alive_) alive_ = std::make_shared<Alive>(reactor_.loop(), this);
    return [alive = alive_] {
      alive->loop.post([alive] {
        if (alive->arrival) alive->arrival->step();
      });
    };
  };
}

Arrival::~Arrival() {
  if (!over_) leave();
}

void Arrival::start() {
  reactor_.poller().watch(socket_.get(), watched_ = EPOLLIN, *this);
  reactor_.arm(*this, limits_.head_timeout);
}

void Arrival::on_ready(std::uint32_t events) {
  if (waits_for_certificate_) return lose("gone while its certificate was being got");  // nothing else was asked for
  static_cast<void>(events);
  step();
}

void Arrival::on_timeout() {
  if (waits_for_certificate_) return refuse("no certificate in time");
  lose("the handshake took too long");
}

void Arrival::step() {
  if (!session_) return lose("out of memory");
  ERR_clear_error();
  const int result = SSL_do_handshake(session_.get());
  if (result == 1) return arrive();
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return wait_for(EPOLLIN);
    case SSL_ERROR_WANT_WRITE:
      return wait_for(EPOLLOUT);
    case SSL_ERROR_WANT_X509_LOOKUP:
      return wait_for_certificate();
    default:
      break;
  }
  const unsigned long code = ERR_peek_error();
  if (ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST) answer_plain_http();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  lose(reason == nullptr ? "gone in the middle of it" : reason);
}

void Arrival::wait_for(std::uint32_t events) {
  if (std::exchange(waits_for_certificate_, false)) reactor_.arm(*this, limits_.head_timeout);
  if (events == watched_) return;
  watched_ = events;
  reactor_.poller().change(socket_.get(), watched_, *this);
}

// Woken by the source, once or more; what the caller sends meanwhile waits in the kernel.
void Arrival::wait_for_certificate() {
  if (waits_for_certificate_) return refuse("its certificate couldn't be got");
  wait_for(EPOLLRDHUP);
  waits_for_certificate_ = true;
  reactor_.arm(*this, limits_.certificate_timeout);
}

void Arrival::arrive() {
  resumed_ = SSL_session_reused(session_.get()) == 1;
  tls::Context::forget_handshake(session_.get());
  leave();
  owner_.on_arrived(*this, Transport(std::move(socket_), std::move(session_)));
}

// Goes on with the handshake, so that the caller is told by an alert.
void Arrival::refuse(std::string_view reason) {
  handshake_.is_refused = true;
  ERR_clear_error();
  SSL_do_handshake(session_.get());
  lose(reason);
}

void Arrival::lose(std::string_view reason) {
  leave();
  session_.reset();
  socket_.reset();
  owner_.on_lost(*this, reason);
}

void Arrival::leave() {
  over_ = true;
  if (alive_) alive_->arrival = nullptr;
  reactor_.disarm(*this);
  if (watched_ != 0) reactor_.poller().forget(socket_.get(), *this);
}

// What it sent is dropped before the socket is closed, so that no reset overtakes the answer.
void Arrival::answer_plain_http() {
  ::send(socket_.get(), kPlainHttpAnswer.data(), kPlainHttpAnswer.size(), MSG_NOSIGNAL);
  ::shutdown(socket_.get(), SHUT_WR);
  const std::span<char> scratch = reactor_.scratch();
  ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
}

}  // namespace bimodal::http
