// Request from the application: response head, body and trailers, cut into frames as far as credit goes.
#include <algorithm>

#include "connection.h"
#include "names.h"
#include "request.h"
#include "response_head.h"
#include "server.h"

namespace bimodal::runner {
namespace {

bool unexpected(const char* type, const char* when) {
  PyErr_Format(PyExc_RuntimeError, "unexpected ASGI message %s: %s", type, when);
  return false;
}

// The body of a message as a bytes object; null with a Python error set.
Ref body_of(PyObject* message) {
  PyObject* body = PyDict_GetItemWithError(message, names.body_);
  if (body == nullptr) return PyErr_Occurred() != nullptr ? Ref() : Ref::borrow(names.empty_bytes);
  if (PyBytes_Check(body)) return Ref::borrow(body);
  if (PyUnicode_Check(body)) {
    PyErr_SetString(PyExc_TypeError, "the body of a response must be bytes, not str");
    return Ref();
  }
  return Ref::steal(PyBytes_FromObject(body));  // bytearray, memoryview
}

bool flag(PyObject* message, PyObject* name) {
  PyObject* value = PyDict_GetItemWithError(message, name);
  return value != nullptr && PyObject_IsTrue(value) == 1;
}

}  // namespace

Ref Request::send_or_defer(PyObject* message) {
  if (server().on_loop_thread()) return send(message);
  return Awaitable::deferred_send(Ref::borrow(object_of(this)), Ref::borrow(message));
}

Ref Request::send(PyObject* message) {
  if (!PyDict_Check(message)) {
    PyErr_SetString(PyExc_TypeError, "send() takes a dictionary");
    return Ref();
  }
  PyObject* type = PyDict_GetItemWithError(message, names.type_);
  if (type == nullptr) {
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_KeyError, "type");
    return Ref();
  }
  if (disconnected_ || finished_) {
    // As under uvicorn, closing what the caller has closed is no error.
    if (socket_ && is_name(type, names.websocket_close)) return Awaitable::done();
    // Nor is what an application sends before the task that waits in receive() has been told and has ended the others:
    // whether a stream is cancelled or fails must not hang on which task runs first. Who sends on is told here.
    if (ignored_sends_ > 0) {
      --ignored_sends_;
      return Awaitable::done();
    }
    raise_disconnected();
    return Ref();
  }
  bool good = false;
  if (socket_) {
    good = socket_send(type, message);
  } else if (is_name(type, names.response_start)) {
    good = start_response(message);
  } else if (is_name(type, names.response_body)) {
    good = add_chunk(message);
  } else if (is_name(type, names.response_trailers)) {
    good = send_trailers(message);
  } else if (is_name(type, names.response_pathsend)) {
    good = send_path(message);
  } else {
    PyErr_Format(PyExc_RuntimeError, "unexpected ASGI message %R", type);
  }
  if (!good) return Ref();
  return chunks_.empty() ? Awaitable::done() : Awaitable::send(Ref::borrow(object_of(this)), bytes_accepted_);
}

void Request::raise_disconnected() {
  PyErr_SetString(server().disconnected_error(), "the caller is gone");
}

bool Request::start_response(PyObject* message) {
  if (phase_ != Phase::NotStarted) return unexpected("http.response.start", "the response has started already");
  if (!encode_response_start(message, head_, trailers_)) return false;
  phase_ = Phase::Started;
  return true;
}

bool Request::add_chunk(PyObject* message) {
  if (phase_ == Phase::NotStarted) return unexpected("http.response.body", "http.response.start comes first");
  if (phase_ == Phase::Complete || trailers_awaited_) {
    return unexpected("http.response.body", "the response is complete already");
  }
  Ref body = is_head_ ? Ref::borrow(names.empty_bytes) : body_of(message);
  if (!body) return false;
  const bool last = !flag(message, names.more_body_);
  const std::string_view bytes(PyBytes_AsString(body.get()), static_cast<std::size_t>(PyBytes_Size(body.get())));
  trailers_awaited_ = last && trailers_;
  const bool end = last && !trailers_;
  bytes_accepted_ += bytes.size();
  Chunk chunk{std::move(body), bytes, end};
  enqueue(std::move(chunk));
  if (end) {
    phase_ = Phase::Complete;
    receivers_.wake_all();
  }
  return true;
}

bool Request::send_trailers(PyObject* message) {
  if (!trailers_awaited_) {
    return unexpected("http.response.trailers", "the start must announce them, and the body must have ended");
  }
  if (!chunks_.empty()) return unexpected("http.response.trailers", "the last send() has not been awaited");
  std::string payload;
  if (!encode_trailers(message, payload)) return false;
  append_frame({.type = wire::FrameType::Trailers}, payload);
  if (flag(message, names.more_trailers_)) return true;
  append_frame({.type = wire::FrameType::Body, .flags = wire::kEnd});
  trailers_awaited_ = false;
  phase_ = Phase::Complete;
  receivers_.wake_all();
  return true;
}

void Request::add_credit(std::uint32_t bytes) {
  credit_ += bytes;
  if (chunks_.empty()) return;
  send_chunks();
  senders_.wake_all();
  if (finished_ && chunks_.empty()) release_stream();
}

// Sends of the waiting chunks what credit allows.
void Request::send_chunks() {
  std::size_t sent = 0;
  while (sent < chunks_.size() && send_chunk(chunks_[sent])) ++sent;
  chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(sent));
}

// Sends what credit allows, in frames of at most kMaxInlineBody; true when that was all. Head and end need no credit.
bool Request::send_chunk(Chunk& chunk) {
  if (chunk.type != wire::FrameType::Body) return send_message_chunk(chunk);
  if (chunk.file) return send_file_chunk(chunk);
  do {
    const std::size_t room = head_.empty() ? wire::kMaxInlineBody : wire::kMaxPayload - head_.size();
    const std::size_t size =
        std::min({chunk.rest.size(), static_cast<std::size_t>(credit_), room, std::size_t{wire::kMaxInlineBody}});
    if (size == 0 && !chunk.rest.empty() && head_.empty()) return false;
    const std::string_view piece = chunk.rest.substr(0, size);
    chunk.rest.remove_prefix(size);
    const bool end = chunk.end && chunk.rest.empty();
    // An empty chunk in the middle says nothing, but the first one brings the head.
    if (!piece.empty() || end || !head_.empty()) send_piece(chunk.owner.get(), piece, end);
  } while (!chunk.rest.empty());
  return true;
}

void Request::send_piece(PyObject* owner, std::string_view piece, bool end) {
  credit_ -= piece.size();
  bytes_sent_ += piece.size();
  if (connection_ == nullptr) return;
  wire::FrameHeader header;
  header.type = head_.empty() ? wire::FrameType::Body : wire::FrameType::Response;
  header.flags = end ? wire::kEnd : 0;
  header.extra = static_cast<std::uint32_t>(head_.size());
  header.size = static_cast<std::uint32_t>(head_.size() + piece.size());
  header.stream = stream_;
  connection_->append(header, head_, owner, piece);
  head_.clear();
}

void Request::append_frame(wire::FrameHeader header, std::string_view payload) {
  if (connection_ == nullptr) return;
  header.stream = stream_;
  header.size = static_cast<std::uint32_t>(payload.size());
  connection_->append(header, payload, nullptr, {});
}

}  // namespace bimodal::runner
