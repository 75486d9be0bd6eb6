// Request as a WebSocket: messages from the caller to the application, and what the application says.
#include <algorithm>

#include "connection.h"
#include "names.h"
#include "request.h"
#include "response_head.h"
#include "server.h"

namespace bimodal::runner {
namespace {

// RFC 6455 §7.4.1: what takes the place of a Close that never came, and of a server that goes.
constexpr std::uint32_t kAbnormal = 1006;
constexpr std::uint32_t kGoing = 1012;

Ref new_message(PyObject* type) {
  Ref message = Ref::steal(PyDict_New());
  if (message && PyDict_SetItem(message.get(), names.type_, type) != 0) return Ref();
  return message;
}

bool put(const Ref& message, PyObject* key, Ref value) {
  return message && value && PyDict_SetItem(message.get(), key, value.get()) == 0;
}

Ref receive_message(Ref data) {
  Ref message = new_message(names.websocket_receive);
  PyObject* key = PyBytes_Check(data.get()) ? names.bytes_ : names.text_;
  return put(message, key, std::move(data)) ? std::move(message) : Ref();
}

Ref decoded(std::string_view text) {
  return Ref::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
}

Ref disconnect_message(const WebSocket& socket) {
  Ref message = new_message(names.websocket_disconnect);
  const bool good = put(message, names.code_, Ref::steal(PyLong_FromUnsignedLong(socket.code))) &&
                    put(message, names.reason_, decoded(socket.reason));
  return good ? std::move(message) : Ref();
}

// The item of that name unless it is None; null without an error when there is none.
PyObject* given(PyObject* message, PyObject* name) {
  PyObject* value = PyDict_GetItemWithError(message, name);
  return value == Py_None ? nullptr : value;
}

// The UTF-8 that a str object holds or now makes; it lives as long as the object. False with a Python error set.
bool text_of(PyObject* object, std::string_view& text) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(object, &size);
  if (data != nullptr) text = {data, static_cast<std::size_t>(size)};
  return data != nullptr;
}

}  // namespace

bool Request::add_message(wire::FrameType type, std::string_view bytes, bool end) {
  const std::size_t cost = bytes.size() + wire::kMessageCost;
  if (!socket_ || cost > body_credit_) return false;
  if (socket_->over || finished_) return true;
  body_credit_ -= cost;
  if (!end) {
    socket_->partial.append(bytes);
    return_credit(cost);
    return true;
  }
  std::string whole = std::move(socket_->partial);
  socket_->partial = std::string();
  if (!whole.empty()) bytes = whole.append(bytes);
  Ref data = type == wire::FrameType::Text ? decoded(bytes) : Ref::steal(bytes_from(bytes));
  if (!data) {
    report_unraisable(object_of(this));
    return false;
  }
  socket_->incoming.push_back({std::move(data), cost});
  receivers_.wake_first_if(true);
  return true;
}

bool Request::close_by_caller(std::uint32_t code, std::string_view reason) {
  if (!socket_) return false;
  socket_->end(code, reason);
  socket_->partial = std::string();
  disconnected_ = true;
  chunks_.clear();
  if (finished_) {
    release_stream();
    return true;
  }
  receivers_.wake_all();
  senders_.wake_all();
  return true;
}

// For a Cancel and a connection that broke: the caller can't be reached, and what it sent doesn't count any more.
void Request::abandon_socket(CancelReason reason) {
  if (!socket_) return;
  socket_->end(reason == CancelReason::Draining ? kGoing : kAbnormal, {});
  socket_->incoming.clear();
}

bool Request::has_socket_message() const {
  return !socket_->connect_taken || !socket_->incoming.empty() || socket_->over || finished_;
}

Ref Request::take_socket_message() {
  if (!std::exchange(socket_->connect_taken, true)) return new_message(names.websocket_connect);
  if (!socket_->incoming.empty()) {
    WebSocket::Message message = std::move(socket_->incoming.front());
    socket_->incoming.pop_front();
    return_credit(message.cost);
    return receive_message(std::move(message.data));
  }
  socket_->end(kAbnormal, {});
  disconnect_taken_ = true;
  return disconnect_message(*socket_);
}

bool Request::socket_send(PyObject* type, PyObject* message) {
  if (socket_->phase == WebSocket::Phase::Closed) {
    PyErr_Format(PyExc_RuntimeError, "unexpected ASGI message %R: the WebSocket was closed", type);
    return false;
  }
  const bool accepted = socket_->phase == WebSocket::Phase::Accepted;
  if (is_name(type, names.websocket_close)) return close_by_application(message);
  if (accepted && is_name(type, names.websocket_send)) return send_message(message);
  if (!accepted && phase_ == Phase::NotStarted && is_name(type, names.websocket_accept)) return accept_socket(message);
  if (!accepted && is_name(type, names.websocket_response_start)) return start_response(message);
  if (!accepted && is_name(type, names.websocket_response_body)) return add_chunk(message);
  const char* expected = accepted ? "websocket.send or websocket.close"
                                  : "websocket.accept, websocket.close or websocket.http.response.start";
  PyErr_Format(PyExc_RuntimeError, "unexpected ASGI message %R: expected %s", type, expected);
  return false;
}

bool Request::accept_socket(PyObject* message) {
  std::string payload;
  if (!encode_accept(message, payload)) return false;
  append_frame({.type = wire::FrameType::Accept}, payload);
  socket_->phase = WebSocket::Phase::Accepted;
  return true;
}

bool Request::send_message(PyObject* message) {
  Chunk chunk{Ref(), {}, true};
  if (PyObject* bytes = given(message, names.bytes_)) {
    if (PyUnicode_Check(bytes)) {
      PyErr_SetString(PyExc_TypeError, "the bytes of a message must be bytes, not str");
      return false;
    }
    chunk.type = wire::FrameType::Binary;
    chunk.owner = PyBytes_Check(bytes) ? Ref::borrow(bytes) : Ref::steal(PyBytes_FromObject(bytes));
    if (!chunk.owner) return false;
    chunk.rest = {PyBytes_AsString(chunk.owner.get()), static_cast<std::size_t>(PyBytes_Size(chunk.owner.get()))};
  } else if (PyObject* text = given(message, names.text_)) {
    chunk.type = wire::FrameType::Text;
    chunk.owner = Ref::borrow(text);
    if (!text_of(text, chunk.rest)) return false;
  } else {
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_ValueError, "websocket.send needs text or bytes");
    return false;
  }
  bytes_accepted_ += chunk.rest.size() + 1;
  enqueue(std::move(chunk));
  return true;
}

bool Request::close_by_application(PyObject* message) {
  if (phase_ != Phase::NotStarted) {
    PyErr_SetString(PyExc_RuntimeError, "unexpected ASGI message websocket.close: the response has started");
    return false;
  }
  PyObject* given_code = given(message, names.code_);
  const long code = given_code != nullptr ? PyLong_AsLong(given_code) : 1000;
  if (PyErr_Occurred() != nullptr) return false;
  if (!wire::is_close_code(code)) {
    PyErr_Format(PyExc_ValueError, "%ld is no code that a WebSocket can be closed with", code);
    return false;
  }
  PyObject* given_reason = given(message, names.reason_);
  Chunk chunk{Ref::borrow(given_reason != nullptr ? given_reason : names.empty_text), {}, true};
  if (PyErr_Occurred() != nullptr || !text_of(chunk.owner.get(), chunk.rest)) return false;
  if (chunk.rest.size() > wire::kMaxCloseReason) {
    PyErr_Format(PyExc_ValueError, "the reason of a close is longer than %zu bytes", wire::kMaxCloseReason);
    return false;
  }
  chunk.type = wire::FrameType::Close;
  chunk.code = static_cast<std::uint32_t>(code);
  socket_->phase = WebSocket::Phase::Closed;
  socket_->end(chunk.code, chunk.rest);
  socket_->incoming.clear();
  enqueue(std::move(chunk));
  receivers_.wake_all();
  return true;
}

// After what waits for credit already.
void Request::enqueue(Chunk chunk) {
  if (!chunks_.empty() || !send_chunk(chunk)) chunks_.push_back(std::move(chunk));
}

// send_chunk() for a message or the close behind it.
bool Request::send_message_chunk(Chunk& chunk) {
  if (chunk.type == wire::FrameType::Close) {
    append_frame({.type = chunk.type, .extra = chunk.code}, chunk.rest);
    return true;
  }
  do {
    const std::size_t needed = wire::kMessageCost + (chunk.rest.empty() ? 0 : 1);
    if (credit_ < needed) return false;
    const std::size_t size = std::min(
        {chunk.rest.size(), static_cast<std::size_t>(credit_ - wire::kMessageCost), std::size_t{wire::kMaxInlineBody}});
    const std::string_view piece = chunk.rest.substr(0, size);
    chunk.rest.remove_prefix(size);
    credit_ -= size + wire::kMessageCost;
    bytes_sent_ += size;
    if (connection_ == nullptr) continue;
    wire::FrameHeader header;
    header.type = chunk.type;
    header.flags = chunk.rest.empty() ? wire::kEnd : std::uint8_t{0};
    header.size = static_cast<std::uint32_t>(size);
    header.stream = stream_;
    connection_->append(header, {}, chunk.owner.get(), piece);
  } while (!chunk.rest.empty());
  ++bytes_sent_;
  return true;
}

// Whether the application may return here, and whether an exception now has anything to end.
bool Request::may_return() const {
  if (phase_ == Phase::Complete) return true;
  return socket_ && socket_->phase != WebSocket::Phase::Connecting;
}

bool Request::is_complete() const {
  return phase_ == Phase::Complete || (socket_ && socket_->phase == WebSocket::Phase::Closed);
}

}  // namespace bimodal::runner
