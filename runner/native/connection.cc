#include "connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "courier.h"
#include "names.h"
#include "request.h"
#include "scope.h"
#include "server.h"
#include "wsgi_environ.h"
#include "wsgi_request.h"

namespace bimodal::runner {
namespace {

constexpr std::size_t kReadSize = 256 * 1024;
constexpr int kReadsPerTurn = 4;  // then other connections have their turn

// One for all connections: an idle one holds no buffer.
char* read_buffer() {
  static char buffer[kReadSize];
  return buffer;
}

}  // namespace

int greet(int listen_fd, std::string_view task_id) {
  pollfd waiting{listen_fd, POLLIN, 0};
  if (::poll(&waiting, 1, 0) != 1) return -1;
  const int socket = ::accept4(listen_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (socket < 0) return -1;
  std::string frame;
  wire::append_frame(
      frame, {.type = wire::FrameType::Hello, .flags = wire::kTallies, .extra = wire::kVersion}, task_id);
  // The buffer of a new socket holds far more.
  if (::send(socket, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size())) return socket;
  ::close(socket);
  return -1;
}

Connection::Connection(Ref server, int socket, Greeting greeting)
    : server_(std::move(server)), socket_(socket), held_(std::make_shared<HeldOutput>(socket)) {
  if (greeting == Greeting::Said) return;
  const std::string& task_id = this->server().task_id();
  append(
      {.size = static_cast<std::uint32_t>(task_id.size()),
       .type = wire::FrameType::Hello,
       .flags = wire::kTallies,
       .extra = wire::kVersion},
      task_id, nullptr, {});
}

Connection::~Connection() {
  clear();
  held_->close();
  if (tally_fd_ >= 0) ::close(tally_fd_);
  if (socket_ >= 0) ::close(socket_);
}

Server& Connection::server() const {
  return Object<Server>::of(server_.get());
}

bool Connection::read() {
  for (int i = 0; i < kReadsPerTurn && socket_ >= 0; ++i) {
    const Received received = receive();
    // Only now, when nothing points into the buffer any more: applications run from here.
    if (!server().begin_tasks()) return false;
    if (received != Received::Full) break;
  }
  return true;
}

// Handles what one call of recv() brings; Full when there may be more.
Connection::Received Connection::receive() {
  const ssize_t size = receive_into(read_buffer(), kReadSize);
  if (size < 0 && errno == EINTR) return Received::Full;
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Received::Nothing;
  if (size <= 0) {
    close();
    return Received::Nothing;
  }
  const bool cut_short = tally_fd_ >= 0;  // the kernel ends what it gives with what brings a descriptor
  std::string_view bytes(read_buffer(), static_cast<std::size_t>(size));
  if (partial_.empty()) {
    bytes.remove_prefix(consume(bytes));
    if (socket_ >= 0) partial_.assign(bytes);
  } else {
    std::string whole = std::move(partial_);
    whole.append(bytes);
    partial_.clear();
    const std::size_t used = consume(whole);
    if (socket_ >= 0 && used < whole.size()) partial_.assign(whole, used);
  }
  return cut_short || static_cast<std::size_t>(size) == kReadSize ? Received::Full : Received::Some;
}

// As recv(). The first bytes may bring a descriptor.
ssize_t Connection::receive_into(char* buffer, std::size_t size) {
  if (spoken_to_) return ::recv(socket_, buffer, size, MSG_DONTWAIT);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec part{buffer, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t received = ::recvmsg(socket_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received <= 0) return received;
  spoken_to_ = true;
  const cmsghdr* brought = CMSG_FIRSTHDR(&message);
  if (brought != nullptr && brought->cmsg_level == SOL_SOCKET && brought->cmsg_type == SCM_RIGHTS) {
    std::memcpy(&tally_fd_, CMSG_DATA(brought), sizeof tally_fd_);
  }
  return received;
}

// Handles the whole frames at the beginning of `bytes` and returns their size. Closes the connection at a frame that no
// peer of ours sends.
std::size_t Connection::consume(std::string_view bytes) {
  std::size_t used = 0;
  while (socket_ >= 0 && bytes.size() - used >= wire::kHeaderSize) {
    const auto header = wire::decode_frame_header(bytes.data() + used);
    if (!header) {
      server().complain("the gateway sent a malformed frame");
      close();
      break;
    }
    if (bytes.size() - used - wire::kHeaderSize < header->size) break;
    const std::string_view payload = bytes.substr(used + wire::kHeaderSize, header->size);
    used += wire::kHeaderSize + header->size;
    if (!handle(*header, payload)) {
      server().complain("the gateway broke the frame protocol");
      close();
    }
  }
  if (socket_ >= 0) tally_.add(used);
  return used;
}

bool Connection::handle(const wire::FrameHeader& header, std::string_view payload) {
  if (header.stream == 0) return handle_control(header);
  if (header.type == wire::FrameType::Request) return begin_request(header, payload);
  const auto found = streams_.find(header.stream);
  if (found == streams_.end()) return true;  // of a stream that has just ended
  Ref object = Ref::borrow(found->second.object.get());
  Stream& stream = *found->second.stream;
  switch (header.type) {
    case wire::FrameType::Body:
      return stream.add_body(payload, (header.flags & wire::kEnd) != 0);
    case wire::FrameType::Text:
    case wire::FrameType::Binary:
      return stream.add_message(header.type, payload, (header.flags & wire::kEnd) != 0);
    case wire::FrameType::Close:
      return stream.close_by_caller(header.extra, payload);
    case wire::FrameType::Credit:
      stream.add_credit(header.extra);
      return true;
    case wire::FrameType::Cancel:
      stream.cancel(static_cast<CancelReason>(header.extra));
      return true;
    default:
      return false;
  }
}

bool Connection::handle_control(const wire::FrameHeader& header) {
  switch (header.type) {
    case wire::FrameType::Ping:
      append({.type = wire::FrameType::Pong, .extra = header.extra}, {}, nullptr, {});
      return true;
    case wire::FrameType::Pong:
      return true;
    case wire::FrameType::Tally:
      return tally_.open(std::exchange(tally_fd_, -1));
    case wire::FrameType::Drain:
      server().drain();
      return true;
    default:
      return false;
  }
}

bool Connection::begin_request(const wire::FrameHeader& header, std::string_view payload) {
  static wire::RequestHead head;  // reused for its memory; only the loop's thread comes here
  if (streams_.contains(header.stream) || !wire::decode(payload.substr(0, header.extra), head)) return false;
  const Server::Mount* mount = server().find(head.web_method);
  if (mount == nullptr) {
    refuse(header.stream, "this container has no such web method");
    return true;
  }
  const std::string_view body = payload.substr(header.extra);
  if (!mount->threaded && head.kind == wire::RequestKind::Tunnel) {
    refuse(header.stream, "only WSGI applications take upgraded connections");
    return true;
  }
  if (mount->threaded && head.kind == wire::RequestKind::WebSocket) {
    refuse(header.stream, "a WSGI application gets WebSockets as tunnels");
    return true;
  }
  if (mount->threaded) return begin_stream(header, body, make_wsgi_request(header.stream, head, *mount));
  return begin_stream(header, body, make_request(header.stream, head, *mount));
}

StreamRef Connection::make_request(std::uint32_t number, const wire::RequestHead& head, const Server::Mount& mount) {
  Ref scope = make_scope(head, mount.state.get());
  if (!scope) return {};
  Ref object = Object<Request>::create(
      Request::type(), Ref::borrow(server_.get()), *this, number, head, Ref::borrow(mount.app.get()), std::move(scope));
  if (!object) return {};
  Request& request = Object<Request>::of(object.get());
  server().add(object.get());
  return {std::move(object), &request};
}

StreamRef Connection::make_wsgi_request(
    std::uint32_t number, const wire::RequestHead& head, const Server::Mount& mount) {
  Ref environ = make_environ(head, mount.state.get());
  if (!environ) return {};
  Ref object = Object<WsgiRequest>::create(
      WsgiRequest::type(), Ref::borrow(server_.get()), *this, number, head, std::move(environ));
  if (!object) return {};
  server().add_threaded(object.get(), mount.app.get());
  return {Ref::borrow(object.get()), &Object<WsgiRequest>::of(object.get())};
}

// An empty `entry` has a Python error set.
bool Connection::begin_stream(const wire::FrameHeader& header, std::string_view body, StreamRef entry) {
  if (!entry.object) {
    report_unraisable(server_.get());
    refuse(header.stream, "the request could not be begun");
    return true;
  }
  Stream& stream = *entry.stream;
  streams_.emplace(header.stream, std::move(entry));
  // The body of a tunnel begins behind the switch.
  return stream.is_tunnel() || stream.add_body(body, (header.flags & wire::kEnd) != 0);
}

void Connection::refuse(std::uint32_t stream, std::string_view reason) {
  append(
      {.size = static_cast<std::uint32_t>(reason.size()), .stream = stream, .type = wire::FrameType::Abort}, reason,
      nullptr, {});
  append({.stream = stream, .type = wire::FrameType::Done}, {}, nullptr, {});
}

void Connection::append(
    const wire::FrameHeader& header, std::string_view payload, PyObject* owner, std::string_view part) {
  if (socket_ < 0) return;
  const bool was_empty = output_.empty();
  char bytes[wire::kHeaderSize];
  wire::encode(header, bytes);
  output_.append({bytes, sizeof bytes});
  output_.append(payload);
  if (owner != nullptr) output_.append(owner, part);
  // While writes are watched the queue is not empty.
  if (was_empty && server().on_loop_thread()) server().flush_soon(*this);
}

void Connection::flush_from_thread() {
  if (socket_ < 0 || writes_watched_ || write_out() == Output::Written::All) return;
  server().flush_soon(*this);  // what is left, and errors, are for the loop
}

void Connection::hold_from_thread(HeldOutput::Clock::duration patience) {
  const std::string_view frames = output_.untouched();
  if (socket_ < 0 || writes_watched_ || frames.empty() || !look_after(held_) || !held_->add(frames, patience)) {
    return flush_from_thread();
  }
  output_.clear();
}

Output::Written Connection::write_out() {
  output_.prepend(held_->take());
  return output_.write_to(socket_);
}

void Connection::flush() {
  if (socket_ < 0) return;
  switch (write_out()) {
    case Output::Written::All:
      watch_writes(false);
      break;
    case Output::Written::Blocked:
      watch_writes(true);
      break;
    case Output::Written::Failed:
      close();
      break;
  }
}

bool Connection::watch() {
  return server().watch(object_of(this), socket_, Server::Event::Readable);
}

void Connection::watch_writes(bool wanted) {
  if (wanted == writes_watched_) return;
  writes_watched_ = wanted;
  const bool good = wanted ? server().watch(object_of(this), socket_, Server::Event::Writable)
                           : server().unwatch(socket_, Server::Event::Writable);
  if (!good) report_unraisable(server_.get());
}

void Connection::close() {
  if (socket_ < 0) return;
  watch_writes(false);
  if (!server().unwatch(socket_, Server::Event::Readable)) report_unraisable(server_.get());
  held_->close();
  ::close(socket_);
  socket_ = -1;
  tally_.close();
  output_.clear();
  partial_ = std::string();
  auto streams = std::move(streams_);
  streams_.clear();
  for (auto& [number, entry] : streams) {
    if (!entry.stream->finished()) server().adopt({Ref::borrow(entry.object.get()), entry.stream});
    entry.stream->lose_connection();
  }
  server().forget(*this);
}

int Connection::traverse(visitproc visit, void* arg) {
  Py_VISIT(server_.get());
  for (const auto& [number, entry] : streams_) Py_VISIT(entry.object.get());
  return 0;
}

// Requests point back: they may outlive this.
void Connection::clear() {
  auto streams = std::move(streams_);
  streams_.clear();
  for (const auto& [number, entry] : streams) entry.stream->detach();
}

}  // namespace bimodal::runner
