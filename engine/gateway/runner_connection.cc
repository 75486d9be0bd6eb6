#include "gateway/runner_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/log.h"
#include "wire/little_endian.h"

namespace bimodal::gateway {
namespace {

constexpr std::size_t kDirectWrite = 8 * 1024;  // from here on a body goes to the kernel without being copied first
constexpr std::size_t kStreamOffset = 4;        // of the stream number inside a frame header
constexpr int kMaxLastReads = 64;               // of what a runner said before it closed its end

std::uint8_t flags_of(http::Part part) {
  return part == http::Part::Last ? wire::kEnd : 0;
}

Result<UniqueFd> connect_unix(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof address.sun_path) {
    return error(Code::Internal, "socket path {} is longer than {} bytes", path, sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error(errno, "socket");
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    const Code code = errno == ECONNREFUSED ? Code::Unavailable : Code::ResourceExhausted;
    return error(code, "connect to {}: {}", path, std::strerror(errno));
  }
  return socket;
}

// Writes the stream number into every frame of `frames`.
void number(std::string& frames, std::uint32_t stream) {
  for (std::size_t at = 0; at < frames.size();) {
    char* frame = frames.data() + at;
    wire::store_u32(frame + kStreamOffset, stream);
    at += wire::kHeaderSize + wire::load_u32(frame);
  }
}

}  // namespace

Result<std::unique_ptr<RunnerConnection>> RunnerConnection::connect(
    http::Reactor& reactor, const std::string& path, std::string task_id, Owner& owner) {
  TRY(UniqueFd socket, connect_unix(path));
  TRY(Tally tally, Tally::send_over(socket.get()));
  return std::unique_ptr<RunnerConnection>(
      new RunnerConnection(reactor, std::move(socket), std::move(tally), std::move(task_id), owner));
}

RunnerConnection::RunnerConnection(
    http::Reactor& reactor, UniqueFd socket, Tally tally, std::string task_id, Owner& owner)
    : reactor_(reactor),
      socket_(std::move(socket)),
      tally_(std::move(tally)),
      task_id_(std::move(task_id)),
      owner_(owner),
      out_(reactor.buffers()) {
  reactor_.poller().watch(socket_.get(), EPOLLIN, *this);
}

RunnerConnection::~RunnerConnection() {
  if (!closed_) reactor_.poller().forget(socket_.get(), *this);
}

std::uint32_t RunnerConnection::open(Stream& stream, std::string& frames) {
  const std::uint32_t stream_number = next_stream_++;
  number(frames, stream_number);
  streams_.emplace(stream_number, Entry{&stream, position() + out_.size()});
  out_.append(frames);
  reactor_.poller().defer(*this);
  return stream_number;
}

bool RunnerConnection::may_be_begun(std::uint32_t stream) const {
  auto found = streams_.find(stream);
  return found == streams_.end() || found->second.opened_at < handled();
}

// Up to which byte the runner may have begun with what it was sent. It says Hello before it reads anything.
std::uint64_t RunnerConnection::handled() const {
  if (!greeted_) return 0;
  return keeps_tally_ ? tally_.handled() : position();
}

void RunnerConnection::send_body(std::uint32_t stream, std::string_view bytes, http::Part part) {
  send_bytes(wire::FrameType::Body, stream, bytes, part);
}

void RunnerConnection::send_message(
    std::uint32_t stream, http::MessageKind kind, std::string_view bytes, http::Part part) {
  const bool is_text = kind == http::MessageKind::Text;
  send_bytes(is_text ? wire::FrameType::Text : wire::FrameType::Binary, stream, bytes, part);
}

void RunnerConnection::send_close(std::uint32_t stream, std::uint16_t code, std::string_view reason) {
  wire::append_frame(out_.tail(), {.stream = stream, .type = wire::FrameType::Close, .extra = code}, reason);
  reactor_.poller().defer(*this);
}

void RunnerConnection::send_bytes(wire::FrameType type, std::uint32_t stream, std::string_view bytes, http::Part part) {
  char header[wire::kHeaderSize];
  wire::encode(
      {.size = static_cast<std::uint32_t>(bytes.size()), .stream = stream, .type = type, .flags = flags_of(part)},
      header);
  const std::string_view head(header, sizeof header);
  if (bytes.size() >= kDirectWrite && !blocked_ && !broken_) {
    note_sent(out_.send(socket_.get(), {head, bytes, {}}));
  } else {
    out_.tail().append(head).append(bytes);
    reactor_.poller().defer(*this);
  }
  was_congested_ |= congested();
}

void RunnerConnection::send_credit(std::uint32_t stream, std::uint32_t bytes) {
  wire::append_frame(out_.tail(), {.stream = stream, .type = wire::FrameType::Credit, .extra = bytes});
  reactor_.poller().defer(*this);
}

void RunnerConnection::send_cancel(std::uint32_t stream, CancelReason reason) {
  wire::append_frame(
      out_.tail(), {.stream = stream, .type = wire::FrameType::Cancel, .extra = static_cast<std::uint32_t>(reason)});
  reactor_.poller().defer(*this);
}

void RunnerConnection::on_ready(std::uint32_t events) {
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read();
  if (!closed_ && (events & EPOLLOUT)) note_sent(out_.flush(socket_.get()));
  if (!closed_) relieve();
}

void RunnerConnection::on_turn_end() {
  if (closed_) return;
  if (!blocked_ && !broken_) note_sent(out_.flush(socket_.get()));
  if (broken_) return read_last_words();
  if (out_.size() > kMaxBacklog + streams_.size() * kMaxBacklogPerStream) {
    return lose("the runner doesn't read", EndedBy::Gateway);
  }
  if (streams_.empty() && next_stream_ >= kLastStream) return lose("no stream number is left", EndedBy::Gateway);
  relieve();
}

// The runner has closed its end; what it said before still counts.
void RunnerConnection::read_last_words() {
  for (int i = 0; i < kMaxLastReads && !closed_; ++i) read();
  lose("the runner's socket is closed", EndedBy::Runner);
}

void RunnerConnection::read() {
  std::span<char> scratch = reactor_.scratch();
  const ssize_t received = ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0)
    return lose(received == 0 ? "the runner closed its socket" : std::strerror(errno), EndedBy::Runner);
  const std::string_view bytes(scratch.data(), static_cast<std::size_t>(received));
  if (!reader_.feed(bytes, *this) && !closed_) lose("the runner broke the frame protocol", EndedBy::Gateway);
}

bool RunnerConnection::on_frame(const wire::FrameHeader& header, std::string_view payload) {
  if (closed_) return false;
  if (header.stream == 0) return on_connection_frame(header);
  auto found = streams_.find(header.stream);
  if (found == streams_.end()) return header.stream < next_stream_;  // abandoned; a number never given is a breach
  return on_stream_frame(*found->second.stream, header, payload);
}

bool RunnerConnection::on_connection_frame(const wire::FrameHeader& header) {
  switch (header.type) {
    case wire::FrameType::Hello:
      greeted_ = true;
      keeps_tally_ = (header.flags & wire::kTallies) != 0;
      return header.extra == static_cast<std::uint32_t>(wire::kVersion);
    case wire::FrameType::Ping:
      wire::append_frame(out_.tail(), {.type = wire::FrameType::Pong, .extra = header.extra});
      reactor_.poller().defer(*this);
      return true;
    case wire::FrameType::Pong:
      return true;
    default:
      return false;
  }
}

bool RunnerConnection::on_stream_frame(Stream& stream, const wire::FrameHeader& header, std::string_view payload) {
  const http::Part part = header.flags & wire::kEnd ? http::Part::Last : http::Part::More;
  switch (header.type) {
    case wire::FrameType::Response:
      return on_response(stream, header, payload);
    case wire::FrameType::Body:
      stream.on_response_body(payload, part);
      return true;
    case wire::FrameType::Credit:
      stream.on_credit(header.extra);
      return true;
    case wire::FrameType::Abort:
      stream.on_abort(payload);
      return true;
    case wire::FrameType::Trailers:
      if (!wire::decode(payload, trailers_)) return false;
      stream.on_trailers(trailers_);
      return true;
    case wire::FrameType::Accept:
      return wire::decode(payload, accept_) && stream.on_accept(accept_);
    case wire::FrameType::Text:
      return stream.on_message(http::MessageKind::Text, payload, part);
    case wire::FrameType::Binary:
      return stream.on_message(http::MessageKind::Binary, payload, part);
    case wire::FrameType::Close:
      return header.extra <= 0xffff && stream.on_close(static_cast<std::uint16_t>(header.extra), payload);
    case wire::FrameType::Done:
      streams_.erase(header.stream);
      stream.on_done();
      return true;
    default:
      return false;
  }
}

bool RunnerConnection::on_response(Stream& stream, const wire::FrameHeader& header, std::string_view payload) {
  if (!wire::decode(payload.substr(0, header.extra), response_)) return false;
  const http::Part part = header.flags & wire::kEnd ? http::Part::Last : http::Part::More;
  stream.on_response(response_, payload.substr(header.extra), part);
  return true;
}

void RunnerConnection::note_sent(http::SendQueue::Outcome outcome) {
  const bool was_blocked = blocked_;
  blocked_ = outcome == http::SendQueue::Outcome::Blocked;
  if (outcome == http::SendQueue::Outcome::Broken) {
    broken_ = true;
    reactor_.poller().defer(*this);
  }
  if (blocked_ == was_blocked) return;
  const std::uint32_t wanted = blocked_ ? EPOLLIN | EPOLLOUT : EPOLLIN;
  reactor_.poller().change(socket_.get(), wanted, *this);
}

void RunnerConnection::relieve() {
  if (!was_congested_ || out_.size() > kCongested / 2) return;
  was_congested_ = false;
  std::vector<std::uint32_t> numbers;
  numbers.reserve(streams_.size());
  for (const auto& [number, entry] : streams_) numbers.push_back(number);
  for (std::uint32_t number : numbers) {
    auto found = streams_.find(number);
    if (found != streams_.end()) found->second.stream->on_uncongested();
  }
}

// What was written to a runner that may live on, it may still read.
void RunnerConnection::lose(std::string_view why, EndedBy by) {
  if (closed_) return;
  if (!streams_.empty()) log::warning("container {}: {} with {} requests on it", task_id_, why, streams_.size());
  const std::uint64_t begun_before = by == EndedBy::Runner ? std::min(handled(), position()) : position();
  closed_ = true;
  reactor_.poller().forget(socket_.get(), *this);
  socket_.reset();
  owner_.on_runner_closed(*this);
  std::vector<std::pair<std::uint32_t, Entry>> lost(streams_.begin(), streams_.end());
  streams_.clear();
  // The oldest last: each goes to the front of its queue.
  std::sort(lost.begin(), lost.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (auto& [stream_number, entry] : lost) {
    entry.stream->on_lost(entry.opened_at >= begun_before ? Loss::Repeatable : Loss::Final);
  }
}

void RunnerConnection::close() {
  if (closed_) return;
  if (!blocked_ && !broken_) note_sent(out_.flush(socket_.get()));
  lose("the gateway closes the connection", EndedBy::Gateway);
}

}  // namespace bimodal::gateway
