#include "wsgi_request.h"

#include <algorithm>

#include "connection.h"
#include "names.h"
#include "response_head.h"
#include "server.h"

namespace bimodal::runner {
namespace {

constexpr std::size_t kCreditPortion = wire::kInitialCredit / 4;

}  // namespace

WsgiRequest::WsgiRequest(
    Ref server, Connection& connection, std::uint32_t stream, const wire::RequestHead& head, Ref environ)
    : server_(std::move(server)),
      connection_(&connection),
      stream_(stream),
      is_head_(head.method == "HEAD"),
      is_tunnel_(head.kind == wire::RequestKind::Tunnel),
      environ_(std::move(environ)) {
  head.request_id.copy(request_id_.data(), request_id_.size());
}

Server& WsgiRequest::server() const {
  return Object<Server>::of(server_.get());
}

bool WsgiRequest::add_body(std::string_view bytes, bool end) {
  if (body_ended_ || bytes.size() > body_credit_) return false;
  if (disconnected_ || finished_) return true;
  body_credit_ -= bytes.size();
  body_ended_ = end;
  if (!bytes.empty()) {
    Ref chunk = Ref::steal(bytes_from(bytes));
    if (!chunk) {
      report_unraisable(object_of(this));
      return false;
    }
    body_.push_back(std::move(chunk));
  }
  wake();
  return true;
}

void WsgiRequest::add_credit(std::uint32_t bytes) {
  credit_ += bytes;
  wake();
}

// A thread can't be cancelled. What it is told is that its caller is gone, as soon as it reads or writes; where its
// time is over, also in the middle of the application's own Python code.
void WsgiRequest::cancel(CancelReason reason) {
  disconnected_ = true;
  body_.clear();
  wake();
  if (reason != CancelReason::CallerGone && thread_ != 0) {
    PyThreadState_SetAsyncExc(thread_, Server::cancelled_error());
  }
}

void WsgiRequest::lose_connection() {
  connection_ = nullptr;
  cancel(CancelReason::CallerGone);
}

bool WsgiRequest::enter() {
  begun();
  thread_ = PyThread_get_thread_ident();
  return server().set_context_ids({request_id_.data(), request_id_.size()});
}

Ref WsgiRequest::whole_body() {
  if (!body_ended_ || body_.size() > 1) return Ref::borrow(Py_None);
  if (body_.empty()) return Ref::borrow(names.empty_bytes);
  Ref chunk = std::move(body_.front());
  body_.clear();
  return chunk;
}

Ref WsgiRequest::read(std::size_t size) {
  while (body_.empty() && !body_ended_ && !disconnected_ && !finished_) wait();
  if (disconnected_) {
    raise_disconnected();
    return Ref();
  }
  if (body_.empty() || size == 0) return Ref::borrow(names.empty_bytes);
  Ref chunk = Ref::borrow(body_.front().get());
  const auto whole = static_cast<std::size_t>(PyBytes_Size(chunk.get()));
  const std::size_t taken = std::min(size, whole - body_offset_);
  const char* data = PyBytes_AsString(chunk.get()) + body_offset_;
  Ref part = taken == whole ? Ref::borrow(chunk.get()) : Ref::steal(bytes_from({data, taken}));
  body_offset_ += taken;
  if (body_offset_ == whole) {
    body_.pop_front();
    body_offset_ = 0;
  }
  return_credit(taken);
  return part;
}

void WsgiRequest::return_credit(std::size_t consumed) {
  body_consumed_ += consumed;
  if (body_ended_ || body_consumed_ < kCreditPortion) return;
  append({.type = wire::FrameType::Credit, .extra = static_cast<std::uint32_t>(body_consumed_)}, {}, nullptr, {});
  body_credit_ += body_consumed_;
  body_consumed_ = 0;
  flush();
}

bool WsgiRequest::start(PyObject* status, PyObject* headers) {
  std::string head;
  std::optional<std::uint64_t> length;
  if (!encode_wsgi_start(status, headers, head, length)) return false;
  left_ = length;
  head_ = std::move(head);
  started_ = true;
  return true;
}

bool WsgiRequest::write(PyObject* bytes, bool end) {
  std::string_view rest(PyBytes_AsString(bytes), static_cast<std::size_t>(PyBytes_Size(bytes)));
  if (complete_ && rest.empty() && !disconnected_) return true;
  end |= is_last(rest.size());
  if (is_head_) rest = {};
  if (rest.empty() && !end && head_.empty()) return true;
  for (;;) {
    if (disconnected_) {
      raise_disconnected();
      return false;
    }
    if (complete_) {
      PyErr_SetString(PyExc_ValueError, "the application gave more bytes than its Content-Length");
      return false;
    }
    while (send_piece(bytes, rest, end)) {
    }
    complete_ = end && rest.empty();
    flush();
    if (rest.empty()) break;
    wait();
  }
  return true;
}

// Whether the response is whole with `size` bytes more. Who gives more than was announced is left to the gateway.
bool WsgiRequest::is_last(std::size_t size) {
  if (!left_) return false;
  if (size > *left_) left_.reset();
  return left_ && (*left_ -= size) == 0;
}

// Sends what one frame and the credit allow. True when there is more to send and credit for it.
bool WsgiRequest::send_piece(PyObject* owner, std::string_view& rest, bool end) {
  const std::size_t room = head_.empty() ? wire::kMaxInlineBody : wire::kMaxPayload - head_.size();
  const std::size_t size =
      std::min({rest.size(), static_cast<std::size_t>(credit_), room, std::size_t{wire::kMaxInlineBody}});
  if (size == 0 && !rest.empty() && head_.empty()) return false;
  const std::string_view piece = rest.substr(0, size);
  rest.remove_prefix(size);
  credit_ -= size;
  wire::FrameHeader header;
  header.type = head_.empty() ? wire::FrameType::Body : wire::FrameType::Response;
  header.flags = end && rest.empty() ? wire::kEnd : 0;
  header.extra = static_cast<std::uint32_t>(head_.size());
  append(header, head_, owner, piece);
  head_.clear();
  return !rest.empty() && credit_ > 0;
}

void WsgiRequest::append(wire::FrameHeader header, std::string_view payload, PyObject* owner, std::string_view part) {
  if (connection_ == nullptr) return;
  header.stream = stream_;
  header.size = static_cast<std::uint32_t>(payload.size() + part.size());
  connection_->append(header, payload, owner, part);
}

void WsgiRequest::begun() {
  if (!std::exchange(waits_, false)) return;
  waited_ = HeldOutput::Clock::now() - came_;
  server().begun_by_thread();
}

// A whole answer is held while others wait for a thread, for as long as its own request has waited for one at most. So
// it is where it pays: where there is a queue, and never for long by the measure of that queue. Its end, which comes
// behind the application's close(), leaves with it: a caller's next request finds the slot free.
void WsgiRequest::flush() {
  if (connection_ == nullptr || server().on_loop_thread()) return;
  if (!complete_ || !server().holds_answers()) return connection_->flush_from_thread();
  connection_->hold_from_thread(waited_);
  if (finished_ && connection_->is_due()) connection_->flush_from_thread();
}

void WsgiRequest::end(const char* abort_reason) {
  if (std::exchange(finished_, true)) return;
  begun();
  thread_ = 0;
  wake();
  if (abort_reason == nullptr && !complete_) abort_reason = "the application returned without a complete response";
  if (abort_reason != nullptr && !complete_ && !disconnected_) {
    append({.type = wire::FrameType::Abort}, abort_reason, nullptr, {});
  }
  append({.type = wire::FrameType::Done}, {}, nullptr, {});
  flush();
  if (Connection* connection = std::exchange(connection_, nullptr)) {
    Ref self = Ref::borrow(object_of(this));
    connection->remove(stream_);
  }
  server().request_ended(object_of(this));
}

void WsgiRequest::raise_disconnected() {
  PyErr_SetString(Server::disconnected_error(), "the caller is gone");
}

void WsgiRequest::wait() {
  PyThread_type_lock lock = PyThread_allocate_lock();
  if (lock == nullptr) return;
  PyThread_acquire_lock(lock, NOWAIT_LOCK);
  waiting_.push_back(lock);
  Py_BEGIN_ALLOW_THREADS;
  PyThread_acquire_lock(lock, WAIT_LOCK);
  PyThread_release_lock(lock);
  Py_END_ALLOW_THREADS;
  PyThread_free_lock(lock);
}

void WsgiRequest::wake() {
  for (PyThread_type_lock lock : waiting_) PyThread_release_lock(lock);
  waiting_.clear();
}

}  // namespace bimodal::runner
