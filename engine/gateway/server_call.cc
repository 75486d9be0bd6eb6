#include "gateway/server_call.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "gateway/server_link.h"
#include "http/chars.h"

namespace bimodal::gateway {
namespace {

constexpr std::size_t kReturnCreditBelow = wire::kInitialCredit / 4;  // unsent bytes of the request's body

bool concerns_connection(std::string_view name, const std::vector<http::Field>& fields) {
  std::string lowered(name);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), http::lower);
  bool named = http::is_hop_by_hop(lowered);
  for (const http::Field& field : fields) {
    if (!http::equals_ignoring_case(field.name, "connection")) continue;
    http::for_each_element(
        field.value, [&](std::string_view option) { named |= http::equals_ignoring_case(option, name); });
  }
  return named;
}

wire::Headers passed_on(const http::OriginHead& head) {
  wire::Headers headers;
  for (const http::Field& field : head.fields) {
    if (!concerns_connection(field.name, head.fields)) headers.push_back({field.name, field.value});
  }
  return headers;
}

}  // namespace

ServerCall::ServerCall(ServerLink& link, std::uint32_t number, ContainerLink::Stream& stream, std::string frames)
    : link_(link),
      number_(number),
      stream_(&stream),
      waiting_(std::make_shared<ServerCall*>(this)),
      frames_(std::move(frames)),
      out_(std::in_place, link.reactor().buffers()) {}

ServerCall::~ServerCall() {
  *waiting_ = nullptr;
  if (socket_) link_.reactor().poller().forget(socket_.get(), *this);
}

void ServerCall::start() {
  std::string bytes;
  if (write_origin_request(frames_, bytes).is_idempotent) {
    if (UniqueFd idle = link_.take_idle()) {
      reused_ = true;
      return begin(std::move(idle));
    }
  }
  link_.connect(*this);
}

void ServerCall::on_connected(Result<UniqueFd> socket) {
  if (over_) return;
  if (socket) return begin(std::move(*socket));
  const Error& why = socket.error();
  if (why.code == Code::Unavailable) link_.note_server_gone();
  if (tried_again_) return lose(Loss::MaybeItsFault);
  if (why.code != Code::Unavailable) return fail(why.message);
  lose(Loss::Repeatable);
}

void ServerCall::begin(UniqueFd socket) {
  socket_ = std::move(socket);
  request_ = write_origin_request(frames_, out_->tail());
  if (!request_.is_idempotent || tried_again_) frames_ = std::string();
  interest_ = EPOLLIN;
  link_.reactor().poller().watch(socket_.get(), interest_, *this);
  link_.reactor().poller().defer(*this);
}

void ServerCall::send_body(std::string_view bytes, http::Part part) {
  if (over_) return;
  const bool last = part == http::Part::Last;
  owed_ += bytes.size();
  if (!socket_) {
    const std::uint8_t flags = last ? wire::kEnd : 0;
    return wire::append_frame(frames_, {.type = wire::FrameType::Body, .flags = flags}, bytes);
  }
  write_origin_body(bytes, last, request_.chunked, out_->tail());
  request_.ended = last;
  link_.reactor().poller().defer(*this);
}

void ServerCall::add_credit(std::uint32_t bytes) {
  credit_ += bytes;
  if (socket_ && !over_) update_interest();
}

void ServerCall::cancel() {
  cancelled_ = true;
  if (!over_) link_.reactor().poller().defer(*this);
}

void ServerCall::abandon() {
  stream_ = nullptr;
  cancel();
}

void ServerCall::lose(Loss loss) {
  if (std::exchange(over_, true)) return;
  ContainerLink::Stream* stream = std::exchange(stream_, nullptr);
  link_.end(*this, {});
  if (stream) stream->on_lost(loss);
}

void ServerCall::on_ready(std::uint32_t events) {
  if (over_) return;
  if (events & EPOLLOUT) flush();
  if (!over_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) read();
}

void ServerCall::on_turn_end() {
  if (over_) return;
  if (cancelled_) {
    // The last that the caller said before it left: the other protocol's farewell, maybe.
    if (switched_) std::ignore = out_->flush(socket_.get());
    return finish(false);
  }
  if (socket_) flush();
}

void ServerCall::flush() {
  const auto outcome = out_->flush(socket_.get());
  // A server may answer and close without reading the whole request: what it said counts.
  if (outcome == http::SendQueue::Outcome::Broken) return read();
  update_interest();
  if (out_->size() >= kReturnCreditBelow || owed_ == 0 || request_.ended || !stream_) return;
  stream_->on_credit(static_cast<std::uint32_t>(std::exchange(owed_, 0)));
}

void ServerCall::update_interest() {
  const bool reads = !head_passed_ || credit_ > 0;
  const std::uint32_t wanted = (reads ? EPOLLIN : 0u) | (out_->empty() ? 0u : EPOLLOUT);
  if (wanted == interest_) return;
  interest_ = wanted;
  link_.reactor().poller().change(socket_.get(), interest_, *this);
}

void ServerCall::read() {
  std::span<char> scratch = link_.reactor().scratch();
  std::size_t wanted = scratch.size();
  if (head_passed_)
    wanted = std::min<std::size_t>(wanted, static_cast<std::size_t>(std::max<std::int64_t>(credit_, 0)));
  if (wanted == 0) return;
  const ssize_t received = ::recv(socket_.get(), scratch.data(), wanted, 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0) return on_end_of_input();
  answered_ = true;
  frames_ = std::string();
  take_in({scratch.data(), static_cast<std::size_t>(received)});
  if (!over_) update_interest();
}

void ServerCall::on_end_of_input() {
  if (head_passed_ && body_ == Body::UntilClose) {
    may_be_kept_ = false;
    pass_body({}, http::Part::Last);
    return finish(true);
  }
  if (!answered_ && !frames_.empty()) return try_again();
  // That a server closes a connection which waited says nothing of the request: the second is the first to tell.
  if (!answered_ && tried_again_ && std::exchange(reused_, false)) return lose(Loss::MaybeItsFault);
  hang_up();
}

void ServerCall::hang_up() {
  if (stream_) {
    stream_->on_hang_up(
        answered_ ? "it closed the connection before its response was complete"
                  : "it closed the connection without a response");
  }
  finish(false);
}

// The server closed the connection at the moment when the request was sent, or died with it. Once, and only what may be
// done twice.
void ServerCall::try_again() {
  link_.reactor().poller().forget(socket_.get(), *this);
  socket_.reset();
  out_.emplace(link_.reactor().buffers());
  tried_again_ = true;
  link_.connect(*this);
}

void ServerCall::take_in(std::string_view bytes) {
  if (head_passed_) return take_body(bytes);
  head_.append(bytes);
  while (!over_ && head_at_ < head_.size()) {
    const std::string_view unread = std::string_view(head_).substr(head_at_);
    const auto result = http::parse_origin_head(unread, kMaxHead, head_resume_, parsed_);
    if (result.outcome == http::OriginResult::Outcome::Bad) return fail(result.reason);
    if (result.outcome == http::OriginResult::Outcome::NeedMore) return;
    head_at_ += result.size;
    if (parsed_.status >= 200) return take_final_head();
    if (parsed_.status == 101) return take_switch();
    if (head_at_ > kMaxHead) return fail("a response head that is too large");
  }
}

// From here on both sides send bytes of the other protocol, until one of them closes.
void ServerCall::take_switch() {
  std::string_view protocol;
  for (const http::Field& field : parsed_.fields) {
    if (http::equals_ignoring_case(field.name, "upgrade")) protocol = field.value;
  }
  if (!request_.may_switch || protocol.empty()) return fail("it switches protocols unasked");
  head_passed_ = switched_ = true;
  body_ = Body::UntilClose;
  request_.ended = request_.chunked = false;
  const bool good = !stream_ || stream_->on_switch(protocol, passed_on(parsed_));
  const std::string rest = std::exchange(head_, {}).substr(head_at_);
  if (over_) return;
  if (!good) return fail("a switch of protocols that can't be passed on");
  if (!rest.empty()) take_body(rest);
}

void ServerCall::take_final_head() {
  choose_body(parsed_);
  head_passed_ = true;
  const bool empty = body_ == Body::None || (body_ == Body::Length && body_left_ == 0);
  pass_head(parsed_, empty ? http::Part::Last : http::Part::More);
  const std::string rest = std::exchange(head_, {}).substr(head_at_);
  if (over_) return;
  if (!empty) return rest.empty() ? void() : take_body(rest);
  may_be_kept_ = may_be_kept_ && rest.empty();
  finish(true);
}

void ServerCall::choose_body(const http::OriginHead& head) {
  may_be_kept_ = head.keep_alive;
  if (request_.is_head || head.status == 204 || head.status == 304) {
    body_ = Body::None;
  } else if (head.chunked) {
    body_ = Body::Chunked;
    if (request_.takes_trailers) chunks_.keep_trailers();
  } else if (head.content_length) {
    body_ = Body::Length;
    body_left_ = *head.content_length;
  } else {
    body_ = Body::UntilClose;
    may_be_kept_ = false;
  }
}

void ServerCall::pass_head(const http::OriginHead& head, http::Part part) {
  const wire::ResponseHead response{.status = static_cast<std::uint16_t>(head.status), .headers = passed_on(head)};
  if (stream_) stream_->on_response(response, {}, part);
}

void ServerCall::take_body(std::string_view bytes) {
  if (body_ == Body::Chunked) return take_chunks(bytes);
  if (body_ == Body::UntilClose) return pass_body(bytes, http::Part::More);
  const std::size_t mine = std::min<std::uint64_t>(bytes.size(), body_left_);
  body_left_ -= mine;
  may_be_kept_ = may_be_kept_ && mine == bytes.size();
  pass_body(bytes.substr(0, mine), body_left_ == 0 ? http::Part::Last : http::Part::More);
  if (body_left_ == 0) finish(true);
}

void ServerCall::take_chunks(std::string_view bytes) {
  while (!bytes.empty() && !over_) {
    const auto step = chunks_.next(bytes, bytes.size());
    bytes.remove_prefix(step.consumed);
    switch (step.outcome) {
      case http::ChunkDecoder::Outcome::NeedMore:
        return;
      case http::ChunkDecoder::Outcome::Body:
        pass_body(step.body, http::Part::More);
        break;
      case http::ChunkDecoder::Outcome::End:
        may_be_kept_ = may_be_kept_ && bytes.empty();
        pass_trailers();
        pass_body({}, http::Part::Last);
        return finish(true);
      case http::ChunkDecoder::Outcome::Bad:
        return fail("a malformed chunk in its response");
    }
  }
}

// To a caller who said that it takes them; others may not look at what follows the last chunk (RFC 9110 §6.5.1).
void ServerCall::pass_trailers() {
  wire::Headers trailers;
  std::string_view lines = chunks_.trailers();
  while (lines.find("\r\n") != lines.npos) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(line.size() + 2);
    const std::size_t colon = line.find(':');
    if (colon != line.npos) trailers.push_back({line.substr(0, colon), http::trimmed(line.substr(colon + 1))});
  }
  if (stream_ && !trailers.empty()) stream_->on_trailers(trailers);
}

void ServerCall::pass_body(std::string_view bytes, http::Part part) {
  credit_ -= static_cast<std::int64_t>(bytes.size());
  if (stream_ && !over_) stream_->on_response_body(bytes, part);
}

void ServerCall::fail(std::string_view reason) {
  if (over_) return;
  if (stream_) stream_->on_bad_answer(reason);
  finish(false);
}

// The container's side is over: the slot is free.
void ServerCall::finish(bool complete) {
  if (std::exchange(over_, true)) return;
  const bool keeps = complete && may_be_kept_ && request_.ended && out_->empty() && !cancelled_;
  if (socket_) link_.reactor().poller().forget(socket_.get(), *this);
  UniqueFd socket = std::move(socket_);
  if (!keeps) socket.reset();
  ContainerLink::Stream* stream = std::exchange(stream_, nullptr);
  link_.end(*this, std::move(socket));
  if (stream) stream->on_done();
}

}  // namespace bimodal::gateway
