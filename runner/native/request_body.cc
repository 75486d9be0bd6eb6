// Request towards the application: the chunks of the body, then the disconnect.
#include "names.h"
#include "request.h"
#include "server.h"

namespace bimodal::runner {
namespace {

// Credit goes back in portions of this size: a quarter of what the gateway begins with, so that it never runs dry
// while the application keeps up.
constexpr std::size_t kCreditPortion = wire::kInitialCredit / 4;

Ref request_message(PyObject* body, bool more) {
  Ref message = Ref::steal(PyDict_New());
  if (!message || PyDict_SetItem(message.get(), names.type_, names.http_request) != 0 ||
      PyDict_SetItem(message.get(), names.body_, body) != 0 ||
      PyDict_SetItem(message.get(), names.more_body_, more ? Py_True : Py_False) != 0) {
    return Ref();
  }
  return message;
}

Ref disconnect_message() {
  Ref message = Ref::steal(PyDict_New());
  if (message && PyDict_SetItem(message.get(), names.type_, names.http_disconnect) != 0) return Ref();
  return message;
}

}  // namespace

bool Request::add_body(std::string_view bytes, bool end) {
  if (socket_) return bytes.empty() && end;  // that of its head
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
  receivers_.wake_first_if(true);
  return true;
}

bool Request::has_message() const {
  if (socket_) return has_socket_message();
  return disconnected_ || finished_ || phase_ == Phase::Complete || body_next_ < body_.size() ||
         (body_ended_ && !body_taken_);
}

// After the response or without a caller there is only the disconnect, as often as it is asked for.
Ref Request::take_message() {
  if (socket_) return take_socket_message();
  if (disconnected_ || finished_ || phase_ == Phase::Complete) {
    disconnect_taken_ = true;
    return disconnect_message();
  }
  if (body_next_ == body_.size()) {
    body_taken_ = true;
    return request_message(names.empty_bytes, false);
  }
  Ref chunk = std::move(body_[body_next_++]);
  if (body_next_ == body_.size()) {
    body_.clear();
    body_next_ = 0;
    body_taken_ = body_ended_;
  }
  return_credit(static_cast<std::size_t>(PyBytes_Size(chunk.get())));
  return request_message(chunk.get(), !body_taken_);
}

void Request::return_credit(std::size_t consumed) {
  body_consumed_ += consumed;
  if (body_ended_ || body_consumed_ < kCreditPortion) return;
  append_frame({.type = wire::FrameType::Credit, .extra = static_cast<std::uint32_t>(body_consumed_)});
  body_credit_ += body_consumed_;
  body_consumed_ = 0;
}

Ref Request::receive() {
  if (!has_message()) return Awaitable::receive(Ref::borrow(object_of(this)));
  const bool again = disconnect_taken_;
  Ref message = take_message();
  // One who asks again and again would never let the loop run: from the second time on each answer takes a turn of it.
  if (message && again)
    return Ref::steal(PyObject_CallFunctionObjArgs(names.sleep, names.zero, message.get(), nullptr));
  return message ? Awaitable::ready(std::move(message)) : Ref();
}

Ref Request::receive_or_defer() {
  // An awaitable that hasn't begun takes nothing: right for any thread.
  if (!server().on_loop_thread()) return Awaitable::receive(Ref::borrow(object_of(this)));
  return receive();
}

}  // namespace bimodal::runner
