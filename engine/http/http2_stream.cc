#include "http/http2_stream.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

#include "http/http2_connection.h"
#include "http/http2_head.h"
#include "http/response_fields.h"

namespace bimodal::http {
namespace {

// Sent bytes at the front are dropped once they are this many and at least half of what is held.
constexpr std::size_t kCompactAt = 64 * 1024;

}  // namespace

Http2Stream::Http2Stream(Http2Connection& connection, const Peer& peer, std::int32_t id)
    : Caller(peer), connection_(connection), id_(id) {}

Http2Stream::~Http2Stream() {
  connection_.buffers().give(std::move(out_));
}

void Http2Stream::begin(const RequestHead& head, bool ended) {
  ended_ = ended;
  websocket_ = head.wants_websocket;
  body_due_ = head.has_body();
  end_told_ = !body_due_;
  is_head_ = head.method == "HEAD";
  continue_wanted_ = head.expects_continue && head.has_body();
  touch();
}

void Http2Stream::touch() {
  if (!std::exchange(touched_, true)) connection_.pause_later(*this);
}

// --- what the peer sends ---

void Http2Stream::on_data(std::string_view bytes) {
  continue_wanted_ = false;
  connection_.owe(bytes.size());
  if (response_ == State::Finished) {
    discarded_ += bytes.size();
    if (over_ && discarded_ > kMaxDiscard) connection_.reset(id_, NGHTTP2_NO_ERROR);
    return;
  }
  // Nobody wants it: its window stays shut behind it, unless a switch is still to be decided.
  if (!takes_body() || (end_told_ && !websocket_)) return;
  if (in_.empty() && body_due_) {
    const std::size_t now = std::min(bytes.size(), grant_);
    if (now > 0) {
      grant_ -= now;
      touch();
      connection_.consume(id_, now);
      responder_->on_body(bytes.substr(0, now), Part::More);
      bytes.remove_prefix(now);
    }
  }
  if (!bytes.empty() && takes_body()) {
    in_.append(bytes);
    connection_.hold(bytes.size());
  }
  watch_time(true);
}

void Http2Stream::on_end() {
  ended_ = true;
  if (websocket_ && !switched_ && response_ == State::None) return give_up(NGHTTP2_CANCEL);  // it won't wait
  deliver();
}

void Http2Stream::grant_body(std::size_t bytes) {
  grant_ += bytes;
  if (!resumed_ && (!in_.empty() || (ended_ && !end_told_))) connection_.deliver_later(*this);
  watch_time(false);
}

void Http2Stream::deliver() {
  resumed_ = false;
  if (!takes_body() || !body_due_) return;
  if (!in_.empty() && grant_ > 0) {
    std::string bytes = std::move(in_);
    in_ = std::string();
    const std::size_t now = std::min(bytes.size(), grant_);
    if (now < bytes.size()) in_ = bytes.substr(now);
    grant_ -= now;
    connection_.release(now);
    connection_.consume(id_, now);
    touch();
    responder_->on_body(std::string_view(bytes).substr(0, now), Part::More);
  }
  if (ended_ && in_.empty() && takes_body() && !std::exchange(end_told_, true)) {
    // Behind a switch there is no last part: the peer that ends its side has left, as one that closes its connection.
    if (switched_) return give_up(NGHTTP2_CANCEL);
    touch();
    responder_->on_body({}, Part::Last);
  }
  watch_time(true);
}

void Http2Stream::pause() {
  if (std::exchange(touched_, false) && takes_body()) responder_->on_input_pause();
}

// --- what the responder says ---

void Http2Stream::send_continue() {
  if (!continue_wanted_ || response_ != State::None) return;
  continue_wanted_ = false;
  connection_.submit_continue(id_);
}

void Http2Stream::submit_head(const ResponseBlock& block, bool has_body) {
  response_ = State::Begun;
  bodiless_ = !has_body;
  waiting_ = false;
  using enum Http2Connection::ResponseBody;
  connection_.submit_response(*this, block.fields, has_body ? Follows : None);
}

bool Http2Stream::begin_response(const ResponseHead& head) {
  if (closed_ || response_ != State::None) return false;
  // To who asked for a WebSocket a success says that it is open (RFC 8441 §5).
  if (websocket_ && head.status < 300) return false;
  ResponseBlock block;
  if (!write_response_block(head, {.is_head = is_head_, .date = connection_.date()}, block)) return false;
  sized_ = block.framing.kind == Framing::Kind::Length;
  response_left_ = block.framing.length;
  const bool has_body = block.framing.kind == Framing::Kind::Chunked || (sized_ && response_left_ > 0);
  submit_head(block, has_body);
  return true;
}

bool Http2Stream::switch_protocols(std::string_view, std::span<const Field> fields, std::span<const Field> extra) {
  if (closed_ || response_ != State::None || !websocket_) return false;
  ResponseBlock block;
  if (!write_switching_block(fields, extra, connection_.date(), block)) return false;
  switched_ = body_due_ = true;
  end_told_ = false;
  submit_head(block, true);
  return true;
}

void Http2Stream::write(std::string_view bytes) {
  if (closed_ || response_ != State::Begun || bodiless_) return;
  if (sized_) {
    bytes = bytes.substr(0, response_left_);
    response_left_ -= bytes.size();
  }
  if (bytes.empty()) return;
  if (out_.empty()) out_ = connection_.buffers().take();
  out_.append(bytes);
  watch_time(false);
  resume_output();
}

void Http2Stream::resume_output() {
  if (std::exchange(waiting_, false)) connection_.resume(id_);
  connection_.flush_later();
}

void Http2Stream::finish(std::span<const Field> trailers) {
  if (closed_ || response_ != State::Begun) return;
  if (sized_ && response_left_ > 0) return abort();
  if (!bodiless_ && !switched_) {
    for (const Field& trailer : trailers) {
      if (is_trailer(trailer)) trailers_.emplace_back(trailer.name, trailer.value);
    }
  }
  response_ = State::Finished;
  responder_ = nullptr;
  connection_.release(in_.size());
  in_ = std::string();
  if (!bodiless_) resume_output();
  watch_time(true);
}

void Http2Stream::abort() {
  responder_ = nullptr;
  if (closed_ || aborting_) return;
  connection_.release(in_.size());
  in_ = std::string();
  if (response_ == State::None || bodiless_) {
    response_ = State::Finished;
    return connection_.reset(id_, NGHTTP2_INTERNAL_ERROR);
  }
  // What was written is of use to the caller; the reset comes behind it.
  response_ = State::Finished;
  aborting_ = true;
  resume_output();
  watch_time(true);
}

// --- what leaves ---

std::pair<std::size_t, Http2Stream::Follows> Http2Stream::take_output(char* to, std::size_t size) {
  const std::size_t count = std::min(size, unsent());
  std::memcpy(to, out_.data() + sent_, count);
  sent_ += count;
  if (sent_ == out_.size()) {
    connection_.buffers().give(std::move(out_));
    out_ = std::string();
    sent_ = 0;
  } else if (sent_ >= kCompactAt && sent_ >= out_.size() / 2) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  if (unsent() > 0) return {count, Follows::More};
  if (aborting_) return {count, count > 0 ? Follows::More : Follows::Reset};
  if (response_ == State::Finished) return {count, trailers_.empty() ? Follows::End : Follows::Trailers};
  waiting_ = count == 0;
  return {count, count > 0 ? Follows::More : Follows::Nothing};
}

void Http2Stream::submit_trailers() {
  std::vector<nghttp2_nv> fields;
  for (const auto& [name, value] : trailers_) fields.push_back(as_nv(name, value));
  connection_.submit_trailer(id_, fields);
}

void Http2Stream::note_sent() {
  watch_time(true);
  if (responder_ && !closed_) responder_->on_sent();
}

void Http2Stream::on_response_sent() {
  over_ = true;
  if (closed_ || ended_) return;
  if (discarded_ > kMaxDiscard) return connection_.reset(id_, NGHTTP2_NO_ERROR);
  connection_.arm(*this, kDiscardTime);
  timed_ = true;
}

// --- how it ends ---

void Http2Stream::close() {
  if (closed_) return;
  closed_ = true;
  connection_.release(in_.size());
  in_ = std::string();
  connection_.disarm(*this);
  if (Responder* responder = std::exchange(responder_, nullptr)) responder->on_gone();
}

// Resets the stream and tells the responder.
void Http2Stream::give_up(std::uint32_t code) {
  connection_.reset(id_, code);
  close();
}

bool Http2Stream::waits_for_body() const {
  return takes_body() && body_due_ && !switched_ && !ended_ && grant_ > 0 && in_.empty();
}

void Http2Stream::watch_time(bool progress) {
  if (closed_ || over_) return;
  if (unsent() == 0 && !waits_for_body() && !aborting_) {
    if (std::exchange(timed_, false)) connection_.disarm(*this);
    return;
  }
  if (progress || !timed_) connection_.arm(*this, connection_.patience());
  timed_ = true;
}

void Http2Stream::on_timeout() {
  timed_ = false;
  if (over_) return connection_.reset(id_, NGHTTP2_NO_ERROR);
  if (unsent() > 0 || aborting_ || response_ != State::None) return give_up(NGHTTP2_CANCEL);
  Responder* responder = std::exchange(responder_, nullptr);
  if (responder) responder->on_gone();
  connection_.refuse(*this, 408, "the request body took too long");
}

}  // namespace bimodal::http
