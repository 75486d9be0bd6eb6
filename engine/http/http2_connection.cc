#include "http/http2_connection.h"

#include <sys/epoll.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "http/server_connection.h"

namespace bimodal::http {
namespace {

constexpr int kRoundsPerTurn = 16;        // of filling and emptying the queue; then others get their chance
constexpr std::size_t kHopelessHead = 4;  // times the limit: such a head isn't even answered
constexpr std::chrono::seconds kLingerTime{5};
constexpr std::chrono::seconds kLingerTimeDraining{1};
constexpr std::chrono::seconds kNoticeTime{1};  // for the peer to answer our PING behind the first GOAWAY

std::uint32_t code_for(ssize_t failure) {
  if (failure == NGHTTP2_ERR_BAD_CLIENT_MAGIC) return NGHTTP2_PROTOCOL_ERROR;
  if (failure == NGHTTP2_ERR_NOMEM || failure == NGHTTP2_ERR_CALLBACK_FAILURE) return NGHTTP2_INTERNAL_ERROR;
  return NGHTTP2_ENHANCE_YOUR_CALM;  // nghttp2's own bounds
}

}  // namespace

Http2Connection::Http2Connection(
    Reactor& reactor, Transport transport, const Address& peer, Service& service, const ConnectionLimits& limits)
    : Connection(peer, transport.tls_version()),
      reactor_(reactor),
      transport_(std::move(transport)),
      service_(service),
      limits_(limits),
      session_(open_session()),
      out_(reactor.buffers()),
      scan_(kHttp2Preface.size()),
      idle_(*this, &Http2Connection::on_idle),
      blocked_alarm_(*this, &Http2Connection::on_block),
      head_(*this, &Http2Connection::on_late_head),
      drain_(*this, &Http2Connection::on_drain) {}

Http2Connection::~Http2Connection() {
  if (!closed_ && watched_ != 0) reactor_.poller().forget(transport_.fd(), *this);
}

void Http2Connection::start(std::string received) {
  watched_ = transport_.interest(EPOLLIN);
  reactor_.poller().watch(transport_.fd(), watched_, *this);
  if (transport_.unread()) reactor_.poller().again(*this);
  reactor_.arm(idle_, limits_.head_timeout);
  early_ = std::move(received);
  flush_later();
}

void Http2Connection::on_ready(std::uint32_t found) {
  const std::uint32_t events = transport_.ready(found);
  if (events & EPOLLIN) read();
  if (!closed_ && (events & EPOLLOUT)) {
    blocked_ = false;
    flush_later();
  }
  if (closed_ || (events & EPOLLIN)) return;
  if (events & (EPOLLERR | EPOLLHUP)) lose();
}

void Http2Connection::on_turn_end() {
  if (closed_) return;
  if (!early_.empty()) receive(std::exchange(early_, {}));
  if (!resumed_.empty()) deliver_bodies();
  pump();
  if (!closed_) update_interest();
}

// --- input ---

void Http2Connection::read() {
  std::span<char> scratch = reactor_.scratch();
  const auto [outcome, size] = transport_.read(scratch);
  if (outcome == Transport::Outcome::Closed || outcome == Transport::Outcome::Broken) return lose();
  if (outcome == Transport::Outcome::Blocked) return update_interest();
  receive({scratch.data(), size});
  if (!closed_) update_interest();
}

void Http2Connection::receive(std::string_view bytes) {
  while (!bytes.empty() && !ending_ && !shut_) {
    const FrameScan::Piece piece = scan_.next(bytes);
    if (piece.begun) check_frame(*piece.begun);
    if (ending_) break;
    bytes.remove_prefix(piece.taken);
    if (piece.bytes.empty()) continue;
    const auto* data = reinterpret_cast<const std::uint8_t*>(piece.bytes.data());
    const ssize_t taken = nghttp2_session_mem_recv(session_.get(), data, piece.bytes.size());
    if (taken < 0) end(code_for(taken));
  }
  tell_pauses();
  repay();
  flush_later();
}

void Http2Connection::check_frame(const FrameHead& frame) {
  switch (frame.type) {
    case NGHTTP2_CONTINUATION:
      if (++continuations_ > kMaxContinuations) calm();
      return;
    case NGHTTP2_DATA:
    case NGHTTP2_HEADERS:
      return check_stream(frame);
    case NGHTTP2_PRIORITY:
      charge(floods_.noise);
      if (frame.stream == 0) end(NGHTTP2_PROTOCOL_ERROR);  // nghttp2 looks at none of them
      return;
    default:
      if (frame.type > NGHTTP2_CONTINUATION) charge(floods_.noise);
  }
}

void Http2Connection::begin_block(std::int32_t stream) {
  block_.clear();
  block_stream_ = stream;
  block_too_large_ = false;
  continuations_ = 0;
  reactor_.arm(head_, limits_.head_timeout);
}

bool Http2Connection::add_to_block(std::string_view name, std::string_view value) {
  if (!block_.add(name, value, limits_.max_head_bytes)) block_too_large_ = true;
  if (block_.size() <= kHopelessHead * limits_.max_head_bytes) return true;
  charge(floods_.resets);
  return false;
}

void Http2Connection::end_block(bool ended) {
  reactor_.disarm(head_);
  reactor_.disarm(idle_);
  auto made = std::make_unique<Http2Stream>(*this, remote_, std::exchange(block_stream_, 0));
  Http2Stream& stream = *made;
  streams_.emplace(stream.id(), std::move(made));
  RequestHead& head = reactor_.request_head();
  BlockRefusal refusal = read_request_block(block_, ended, head);
  if (block_too_large_) refusal = {431, "the request head is too large"};
  stream.begin(head, ended);
  if (refusal.status != 0) {
    refuse(stream, refusal.status, refusal.reason);
  } else {
    service_.on_request(stream, head);
  }
  block_.clear();
}

void Http2Connection::refuse(Http2Stream& stream, int status, std::string_view reason) {
  service_.on_bad_request(stream, status, reason);
}

Http2Stream* Http2Connection::find(std::int32_t stream) {
  auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second.get();
}

void Http2Connection::drop(std::int32_t stream) {
  if (block_stream_ == stream) {  // refused in the middle of its head
    block_stream_ = 0;
    block_.clear();
    reactor_.disarm(head_);
  }
  if (!reset_here_.has(stream)) over_.add(stream);
  auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  found->second->close();
  reactor_.poller().retire(std::move(found->second));
  streams_.erase(found);
  if (streams_.empty()) reactor_.arm(idle_, limits_.idle_timeout);
}

// nghttp2 forgives frames of streams that it has forgotten. A peer that can't know yet that we reset its stream, or
// that we take no more, is forgiven here as well.
void Http2Connection::check_stream(const FrameHead& frame) {
  const std::int32_t id = frame.stream;
  const bool known = id > nghttp2_session_get_last_proc_stream_id(session_.get()) ||
                     nghttp2_session_find_stream(session_.get(), id) != nullptr;
  if (known || id % 2 == 0 || told_last_ || reset_here_.has(id)) return;
  end(over_.has(id) || frame.type == NGHTTP2_DATA ? NGHTTP2_STREAM_CLOSED : NGHTTP2_PROTOCOL_ERROR);
}

void Http2Connection::end(std::uint32_t code) {
  if (std::exchange(ending_, true)) return;
  nghttp2_session_terminate_session(session_.get(), code);
}

void Http2Connection::charge(TokenBucket& bucket) {
  if (!bucket.take(reactor_.now_ns())) calm();
}

void Http2Connection::deliver_later(Http2Stream& stream) {
  resumed_.push_back(stream.id());
  flush_later();
}

void Http2Connection::deliver_bodies() {
  for (const std::int32_t id : std::exchange(resumed_, {})) {
    if (Http2Stream* stream = find(id)) stream->deliver();
  }
  tell_pauses();
  repay();
}

void Http2Connection::tell_pauses() {
  for (const std::int32_t id : std::exchange(touched_, {})) {
    if (Http2Stream* stream = find(id)) stream->pause();
  }
}

void Http2Connection::consume(std::int32_t stream, std::size_t bytes) {
  nghttp2_session_consume_stream(session_.get(), stream, bytes);
}

// The connection's window opens again for what came, taken or not, while not too much of it waits.
void Http2Connection::repay() {
  if (owed_ == 0 || held_ > kMaxHeld) return;
  nghttp2_session_consume_connection(session_.get(), std::exchange(owed_, 0));
}

// --- output ---

void Http2Connection::submit_continue(std::int32_t stream) {
  const nghttp2_nv status = as_nv(":status", "100");
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream, nullptr, &status, 1, nullptr);
  flush_later();
}

void Http2Connection::submit_trailer(std::int32_t stream, const std::vector<nghttp2_nv>& fields) {
  nghttp2_submit_trailer(session_.get(), stream, fields.data(), fields.size());
}

void Http2Connection::resume(std::int32_t stream) {
  nghttp2_session_resume_data(session_.get(), stream);
}

void Http2Connection::reset(std::int32_t stream, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, code);
  flush_later();
}

bool Http2Connection::pull_frames() {
  while (out_.size() < kMaxQueued) {
    const std::uint8_t* frame = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &frame);
    if (size <= 0) return false;
    out_.append({reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size)});
  }
  return true;
}

void Http2Connection::pump() {
  bool more = true;
  for (int round = 0; more && !blocked_ && round < kRoundsPerTurn; ++round) {
    more = pull_frames();
    if (out_.empty()) break;
    const SendQueue::Outcome outcome = out_.flush(transport_);
    if (outcome == SendQueue::Outcome::Broken) return lose();
    blocked_ = outcome == SendQueue::Outcome::Blocked;
    watch_block(true);
  }
  if (more && !blocked_) flush_later();
  tell_sent();
  end_if_over();
}

void Http2Connection::tell_sent() {
  std::vector<std::int32_t> sent = std::exchange(sent_, {});
  std::sort(sent.begin(), sent.end());
  sent.erase(std::unique(sent.begin(), sent.end()), sent.end());
  for (const std::int32_t id : sent) {
    if (Http2Stream* stream = find(id)) stream->note_sent();
  }
}

void Http2Connection::update_interest() {
  if (transport_.unread()) reactor_.poller().again(*this);
  const std::uint32_t wanted = transport_.interest(EPOLLIN | (blocked_ ? EPOLLOUT : 0u));
  if (wanted == watched_) return;
  watched_ = wanted;
  reactor_.poller().change(transport_.fd(), watched_, *this);
}

void Http2Connection::watch_block(bool progress) {
  if (!blocked_) return reactor_.disarm(blocked_alarm_);
  if (progress) reactor_.arm(blocked_alarm_, limits_.idle_timeout);
}

// --- the end ---

void Http2Connection::drain() {
  if (closed_ || std::exchange(drained_, true)) return;
  if (shut_) return reactor_.arm(idle_, kLingerTimeDraining);
  nghttp2_submit_shutdown_notice(session_.get());
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  reactor_.arm(drain_, kNoticeTime);
  flush_later();
}

// The peer has read the notice, or had its time.
void Http2Connection::on_drain() {
  reactor_.disarm(drain_);
  told_last_ = true;
  const std::int32_t last = nghttp2_session_get_last_proc_stream_id(session_.get());
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
  flush_later();
}

void Http2Connection::on_idle() {
  if (shut_) return lose();
  if (!streams_.empty()) return;
  on_drain();
}

void Http2Connection::on_block() {
  lose();
}

// When nothing is to be said and nothing to be heard any more.
void Http2Connection::end_if_over() {
  if (closed_ || shut_ || blocked_ || !out_.empty()) return;
  if (nghttp2_session_want_read(session_.get()) || nghttp2_session_want_write(session_.get())) return;
  end_streams();
  if (transport_.end() == Transport::Outcome::Blocked) {
    blocked_ = true;
    return watch_block(true);
  }
  shut_ = true;
  reactor_.arm(idle_, drained_ ? kLingerTimeDraining : kLingerTime);
}

void Http2Connection::end_streams() {
  std::vector<Http2Stream*> open;
  for (auto& [id, stream] : streams_) open.push_back(stream.get());
  for (Http2Stream* stream : open) stream->close();
}

void Http2Connection::cut() {
  if (closed_) return;
  // What the responders said last may be of use to the peer.
  if (!blocked_ && !shut_) {
    pull_frames();
    (void)out_.flush(transport_);
  }
  lose();
}

void Http2Connection::lose() {
  end_streams();
  transport_.spoil();
  close();
}

void Http2Connection::close() {
  if (std::exchange(closed_, true)) return;
  for (Alarm* alarm : {&idle_, &blocked_alarm_, &head_, &drain_}) reactor_.disarm(*alarm);
  reactor_.poller().forget(transport_.fd(), *this);
  transport_.close();
  service_.on_closed(*this);
}

}  // namespace bimodal::http
