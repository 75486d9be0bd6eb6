// How a server connection turns received bytes into requests.
#include <sys/epoll.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "http/server_connection.h"

namespace bimodal::http {

void ServerConnection::grant_body(std::size_t bytes) {
  grant_ += bytes;
  if (processing_ || input_ != Input::Body) return;
  resume_ = !pending_.empty();
  reactor_.poller().defer(*this);
}

// Bytes of body that may be read now; without a responder it is read to be dropped.
std::size_t ServerConnection::body_allowance() const {
  return responder_ ? grant_ : std::numeric_limits<std::size_t>::max();
}

void ServerConnection::read() {
  if (!(interest_ & EPOLLIN)) return;  // this batch's events have changed that
  std::span<char> scratch = reactor_.scratch();
  std::size_t wanted = scratch.size();
  if (input_ == Input::Body) wanted = std::min(wanted, body_allowance());
  if (wanted == 0) return;
  const auto [outcome, size] = transport_.read(scratch.first(wanted));
  if (outcome == Transport::Outcome::Closed) return on_eof();
  if (outcome == Transport::Outcome::Broken) return lose();
  if (outcome == Transport::Outcome::Blocked) return update_interest();
  if (!pending_.empty()) {
    pending_.append(scratch.data(), size);
    return process_pending();
  }
  const std::size_t consumed = process(scratch.data(), size);
  if (closed_) return;
  if (consumed < size) pending_.assign(scratch.data() + consumed, size - consumed);
  watch_time();
  update_interest();
}

void ServerConnection::process_pending() {
  const std::size_t consumed = process(pending_.data(), pending_.size());
  if (closed_) return;
  pending_.erase(0, consumed);
  if (pending_.empty()) pending_ = std::string();
  watch_time();
  update_interest();
}

void ServerConnection::on_eof() {
  if (input_ == Input::Head && !out_.empty()) return close_gracefully();
  if (input_ == Input::Head || input_ == Input::Lingering) return close();
  lose();  // in the middle of its body, or it no longer waits for the response
}

// Consumes what it can and returns how much that is.
std::size_t ServerConnection::process(char* data, std::size_t size) {
  processing_ = true;
  const std::size_t consumed = consume(data, size);
  processing_ = false;
  if (std::exchange(pause_due_, false) && responder_) responder_->on_input_pause();
  return input_ == Input::Lingering ? size : consumed;
}

std::size_t ServerConnection::consume(char* data, std::size_t size) {
  std::size_t at = 0;
  while (at < size && !closed_) {
    std::size_t taken = 0;
    switch (input_) {
      case Input::Head:
        taken = consume_head(data + at, size - at);
        break;
      case Input::Body: {
        std::string_view input(data + at, size - at);
        taken = chunked_body_ ? consume_chunked(input) : consume_sized(input);
        break;
      }
      case Input::Received:
        return at;
      case Input::Lingering:
        return size;
    }
    if (taken == 0) return at;
    at += taken;
  }
  return at;
}

std::size_t ServerConnection::consume_head(char* data, std::size_t size) {
  if (out_.size() > kMaxUnsent || passing_) return 0;
  if (first_ && data[0] == 'P') {
    const Preface preface = look_for_http2({data, size});
    if (preface == Preface::Maybe) return 0;
    if (preface == Preface::Yes) return turn_to_http2({data, size});
  }
  RequestHead& head = reactor_.request_head();
  HeadResult result = parse_request_head(data, size, limits_.max_head_bytes, head_resume_, head);
  if (result.outcome == HeadResult::Outcome::NeedMore) return 0;
  head_resume_ = 0;
  if (result.outcome == HeadResult::Outcome::Bad) {
    refuse(result.status, result.reason);
    return size;
  }
  begin_request(head);
  return result.size;
}

// A client that knows that HTTP/2 is spoken here begins with what no HTTP/1 request is.
ServerConnection::Preface ServerConnection::look_for_http2(std::string_view bytes) {
  const std::string_view begun = bytes.substr(0, kHttp2Preface.size());
  if (!kHttp2Preface.starts_with(begun) || !service_.takes_http2(*this)) return Preface::No;
  return begun.size() < kHttp2Preface.size() ? Preface::Maybe : Preface::Yes;
}

std::size_t ServerConnection::turn_to_http2(std::string_view bytes) {
  std::string received(bytes);
  const Address peer = remote_.address;
  Transport transport = hand_over();
  service_.on_http2(std::move(transport), peer, std::move(received));
  return bytes.size();
}

void ServerConnection::begin_request(const RequestHead& head) {
  head_started_ = first_ = false;
  context_ = {.minor_version = head.minor_version, .is_head = head.method == "HEAD", .keep_alive = head.keep_alive};
  response_ = ResponseState::None;
  chunked_body_ = head.chunked;
  body_left_ = head.content_length.value_or(0);
  continue_wanted_ = head.expects_continue && head.has_body();
  grant_ = 0;
  chunks_ = ChunkDecoder();
  input_ = head.has_body() ? Input::Body : Input::Received;
  pause_due_ = true;
  service_.on_request(*this, head);
}

std::size_t ServerConnection::consume_sized(std::string_view input) {
  const std::size_t size = std::min({input.size(), body_allowance(), static_cast<std::size_t>(body_left_)});
  if (size == 0) return 0;
  body_left_ -= size;
  deliver(input.substr(0, size), body_left_ == 0 ? Part::Last : Part::More);
  return size;
}

std::size_t ServerConnection::consume_chunked(std::string_view input) {
  if (body_allowance() == 0) return 0;
  ChunkDecoder::Step step = chunks_.next(input, body_allowance());
  switch (step.outcome) {
    case ChunkDecoder::Outcome::NeedMore:
      break;
    case ChunkDecoder::Outcome::Body:
      deliver(step.body, Part::More);
      break;
    case ChunkDecoder::Outcome::End:
      deliver({}, Part::Last);
      break;
    case ChunkDecoder::Outcome::Bad:
      if (response_ != ResponseState::None) {
        lose();
      } else {
        if (responder_) std::exchange(responder_, nullptr)->on_gone();
        refuse(400, "malformed chunk in the request body");
      }
      return input.size();
  }
  return step.consumed;
}

void ServerConnection::deliver(std::string_view bytes, Part part) {
  continue_wanted_ = false;  // it came unasked, or was asked for
  if (part == Part::Last) input_ = Input::Received;
  if (responder_) {
    grant_ -= bytes.size();
    pause_due_ = true;
    return responder_->on_body(bytes, part);
  }
  // The response is over and the rest of the body is dropped.
  if (part == Part::Last) return next_request();
  if (!chunked_body_) return;
  if (bytes.size() > body_left_) return close_gracefully();
  body_left_ -= bytes.size();
}

void ServerConnection::next_request() {
  input_ = Input::Head;
  response_ = ResponseState::None;
  head_started_ = false;
  if (processing_) return;
  resume_ = !pending_.empty();
  watch_time();
  reactor_.poller().defer(*this);
}

void ServerConnection::refuse(int status, std::string_view reason) {
  context_ = {.keep_alive = false};
  response_ = ResponseState::None;
  continue_wanted_ = false;
  input_ = Input::Received;
  service_.on_bad_request(*this, status, reason);
}

}  // namespace bimodal::http
