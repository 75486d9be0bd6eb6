#include "http/server_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "http/response_fields.h"

namespace bimodal::http {
namespace {

constexpr std::size_t kDirectWrite = 8 * 1024;  // from here on bytes go to the kernel without being copied first
constexpr std::chrono::seconds kLingerTime{5};
constexpr std::chrono::seconds kLingerTimeDraining{1};

}  // namespace

ServerConnection::ServerConnection(
    Reactor& reactor, Transport transport, const Address& peer, Service& service, const ConnectionLimits& limits)
    : Connection(peer, transport.tls_version()),
      Caller(remote_),
      reactor_(reactor),
      transport_(std::move(transport)),
      service_(service),
      limits_(limits),
      out_(reactor.buffers()) {}

ServerConnection::~ServerConnection() {
  if (!closed_ && interest_ != 0) reactor_.poller().forget(transport_.fd(), *this);
}

void ServerConnection::start(std::string received) {
  interest_ = EPOLLIN;
  watched_ = transport_.interest(interest_);
  reactor_.poller().watch(transport_.fd(), watched_, *this);
  read_what_is_left();
  reactor_.arm(*this, limits_.head_timeout);
  pending_ = std::move(received);
  resume_ = !pending_.empty();
  if (resume_) reactor_.poller().defer(*this);
}

Transport ServerConnection::hand_over() {
  reactor_.poller().forget(transport_.fd(), *this);
  Transport handed = std::move(transport_);
  close();
  return handed;
}

void ServerConnection::on_ready(std::uint32_t found) {
  const std::uint32_t events = transport_.ready(found);
  if (events & EPOLLIN) read();
  if (!closed_ && (events & EPOLLOUT)) flush();
  if (closed_ || (events & EPOLLIN)) return;
  if (events & (EPOLLERR | EPOLLHUP)) return lose();
  if (events & EPOLLRDHUP) on_eof();
}

void ServerConnection::on_turn_end() {
  if (closed_) return;
  if (broken_) return lose();
  if (std::exchange(resume_, false)) process_pending();
  if (!closed_ && !blocked_) flush();
  if (!closed_ && passing_) pass_on_if_idle();
  if (!closed_) update_interest();
}

void ServerConnection::on_timeout() {
  if (blocked_ || shut_) return lose();
  if (input_ == Input::Head && !head_started_) return close();
  if (response_ != ResponseState::None) return lose();
  if (responder_) std::exchange(responder_, nullptr)->on_gone();
  refuse(408, input_ == Input::Head ? "the request head took too long" : "the request body took too long");
}

void ServerConnection::send_continue() {
  if (!continue_wanted_ || response_ != ResponseState::None) return;
  continue_wanted_ = false;
  out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  reactor_.poller().defer(*this);
}

bool ServerConnection::begin_response(const ResponseHead& head) {
  if (closed_ || response_ != ResponseState::None) return false;
  // A body that nobody reads would be taken for the next request: either it is short enough to be dropped, or the
  // connection ends. A client that waits for "100 Continue" may send it or not, so that end can't be known.
  const bool too_much_left = input_ == Input::Body && !chunked_body_ && body_left_ > kMaxDiscard;
  if (too_much_left || continue_wanted_ || draining_) context_.keep_alive = false;
  context_.date = reactor_.date();
  std::optional<Framing> framing = write_response_head(head, context_, out_.tail());
  if (!framing) return false;
  framing_ = *framing;
  response_left_ = framing->length;
  response_ = ResponseState::Begun;
  reactor_.poller().defer(*this);
  return true;
}

bool ServerConnection::switch_protocols(
    std::string_view protocol, std::span<const Field> fields, std::span<const Field> extra) {
  if (closed_ || response_ != ResponseState::None || input_ != Input::Received) return false;
  if (!write_switching_head(protocol, fields, extra, reactor_.date(), out_.tail())) return false;
  framing_ = {.kind = Framing::Kind::UntilClose, .keep_alive = false};
  response_ = ResponseState::Begun;
  switched_ = true;
  // A body without an end.
  input_ = Input::Body;
  chunked_body_ = false;
  body_left_ = std::numeric_limits<std::uint64_t>::max();
  grant_ = 0;
  reactor_.poller().defer(*this);
  return true;
}

void ServerConnection::write(std::string_view bytes) {
  if (closed_ || response_ != ResponseState::Begun || framing_.kind == Framing::Kind::None) return;
  if (framing_.kind == Framing::Kind::Length) {
    if (bytes.size() > response_left_) {
      bytes = bytes.substr(0, response_left_);
      framing_.keep_alive = false;
    }
    response_left_ -= bytes.size();
  }
  if (bytes.empty()) return;  // an empty chunk would end the body
  char size_line[20];
  std::string_view before;
  std::string_view after;
  if (framing_.kind == Framing::Kind::Chunked) {
    char* end = std::to_chars(size_line, size_line + 16, bytes.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    before = {size_line, static_cast<std::size_t>(end - size_line)};
    after = "\r\n";
  }
  if (bytes.size() >= kDirectWrite && !blocked_ && !broken_) {
    note_sent(out_.send(transport_, {before, bytes, after}));
  } else {
    out_.tail().append(before).append(bytes).append(after);
    reactor_.poller().defer(*this);
  }
}

void ServerConnection::finish(std::span<const Field> trailers) {
  if (closed_ || response_ != ResponseState::Begun) return;
  if (framing_.kind == Framing::Kind::Length && response_left_ > 0) return abort();
  if (framing_.kind == Framing::Kind::Chunked) {
    std::string& out = out_.tail();
    out.append("0\r\n");
    for (const Field& trailer : trailers) {
      if (!is_trailer(trailer)) continue;
      out.append(trailer.name).append(": ").append(trailer.value).append("\r\n");
    }
    out.append("\r\n");
    reactor_.poller().defer(*this);
  }
  response_ = ResponseState::Finished;
  end_exchange();
}

void ServerConnection::abort() {
  if (closed_) return;
  responder_ = nullptr;
  transport_.spoil();
  // Without a length or chunks only a reset tells the client that something is missing.
  if (response_ == ResponseState::Begun && framing_.kind == Framing::Kind::UntilClose && !switched_) {
    linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(transport_.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  } else if (!blocked_) {
    (void)out_.flush(transport_);  // what is there already may be of use to the client
  }
  close();
}

void ServerConnection::drain() {
  draining_ = true;
  if (closed_) return;
  const bool idle = input_ == Input::Head && !head_started_ && out_.empty();
  // Behind its handshake a caller's first request is on its way, and nobody else can take that.
  const bool is_new = transport_.secure() && first_;
  if (idle && is_new) return reactor_.arm(*this, kLingerTimeDraining);
  if (idle) return close();
  if (shut_) reactor_.arm(*this, kLingerTimeDraining);
}

void ServerConnection::pass_on() {
  if (transport_.secure()) return drain();
  passing_ = true;
  if (!closed_) pass_on_if_idle();
}

void ServerConnection::pass_on_if_idle() {
  if (input_ != Input::Head || processing_ || broken_ || !out_.empty()) return;
  std::string received = std::move(pending_);
  UniqueFd socket = hand_over().release();
  if (socket) service_.on_passed_on(std::move(socket), std::move(received));
}

void ServerConnection::cut() {
  if (!closed_) lose();
}

void ServerConnection::end_exchange() {
  responder_ = nullptr;
  grant_ = 0;
  reactor_.poller().defer(*this);
  if (!framing_.keep_alive || draining_) return close_gracefully();
  if (input_ != Input::Body) return next_request();
  if (chunked_body_) body_left_ = kMaxDiscard;
  resume_ = !pending_.empty();
}

// Closing with unread bytes makes the kernel send a reset, which may overtake the response. So where more may come, our
// side is shut when all is written, and the peer's bytes are read and dropped until it closes too, for a bounded time.
void ServerConnection::close_gracefully() {
  more_may_come_ = processing_ || input_ == Input::Body || !pending_.empty();
  input_ = Input::Lingering;
  if (!processing_) pending_ = std::string();  // else it is being read, and dropped behind that
  reactor_.poller().defer(*this);
}

void ServerConnection::flush() {
  const std::size_t before = out_.size();
  note_sent(out_.flush(transport_));
  if (broken_) return lose();
  if (out_.empty() && input_ == Input::Lingering && !shut_) end_our_side();
  if (closed_ || out_.size() == before) return;
  if (passing_) reactor_.poller().defer(*this);
  if (input_ == Input::Head && !pending_.empty()) {
    resume_ = true;
    reactor_.poller().defer(*this);
  }
  if (responder_) responder_->on_sent();
}

void ServerConnection::end_our_side() {
  if (!more_may_come_ && !transport_.secure()) return close();
  if (transport_.end() == Transport::Outcome::Blocked) return note_sent(SendQueue::Outcome::Blocked);
  if (!more_may_come_) return close();
  shut_ = true;
  reactor_.arm(*this, draining_ ? kLingerTimeDraining : kLingerTime);
}

void ServerConnection::note_sent(SendQueue::Outcome outcome) {
  const bool was_blocked = blocked_;
  blocked_ = outcome == SendQueue::Outcome::Blocked;
  if (outcome == SendQueue::Outcome::Broken) {
    broken_ = true;
    reactor_.poller().defer(*this);
  }
  if (blocked_ || was_blocked) {
    watch_time();
    update_interest();
  }
}

void ServerConnection::lose() {
  Responder* responder = std::exchange(responder_, nullptr);
  transport_.spoil();
  close();
  if (responder) responder->on_gone();
}

void ServerConnection::close() {
  if (closed_) return;
  closed_ = true;
  reactor_.disarm(*this);
  reactor_.poller().forget(transport_.fd(), *this);
  transport_.close();
  service_.on_closed(*this);
}

void ServerConnection::update_interest() {
  std::uint32_t wanted = blocked_ ? EPOLLOUT : 0u;
  switch (input_) {
    case Input::Head:
      wanted |= out_.size() <= kMaxUnsent ? EPOLLIN : 0u;
      break;
    case Input::Body:
      wanted |= body_allowance() > 0 ? EPOLLIN : EPOLLRDHUP;
      break;
    case Input::Received:
      wanted |= pending_.size() < kMaxReadAhead ? EPOLLIN : EPOLLRDHUP;
      break;
    case Input::Lingering:
      wanted |= EPOLLIN;
      break;
  }
  interest_ = wanted;
  read_what_is_left();
  wanted = transport_.interest(wanted);
  if (wanted == watched_) return;
  watched_ = wanted;
  reactor_.poller().change(transport_.fd(), watched_, *this);
}

// Bytes that TLS holds decrypted make no descriptor readable.
void ServerConnection::read_what_is_left() {
  if (transport_.unread() && (interest_ & EPOLLIN)) reactor_.poller().again(*this);
}

void ServerConnection::watch_time() {
  if (shut_) return;
  if (blocked_) return reactor_.arm(*this, limits_.idle_timeout);
  if (input_ == Input::Head && !pending_.empty()) {
    // Once per head: a byte now and then must not prolong it.
    if (!std::exchange(head_started_, true)) reactor_.arm(*this, limits_.head_timeout);
    return;
  }
  const bool waits_for_body = input_ == Input::Body && !switched_ && body_allowance() > 0;
  if (input_ == Input::Head || waits_for_body) return reactor_.arm(*this, limits_.idle_timeout);
  reactor_.disarm(*this);
}

}  // namespace bimodal::http
