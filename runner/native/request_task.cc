// Request as the coroutine of its task: begins the application, passes steps through, and ends the stream.
#include "connection.h"
#include "names.h"
#include "request.h"
#include "server.h"

namespace bimodal::runner {
namespace {

constexpr int kIgnoredSends = 4;  // of an application whose caller just left

}  // namespace

Request::Request(
    Ref server, Connection& connection, std::uint32_t stream, const wire::RequestHead& head, Ref app, Ref scope)
    : server_(std::move(server)),
      connection_(&connection),
      stream_(stream),
      is_head_(head.method == "HEAD"),
      app_(std::move(app)),
      scope_(std::move(scope)),
      socket_(head.kind == wire::RequestKind::WebSocket ? std::make_unique<WebSocket>() : nullptr) {
  head.request_id.copy(request_id_.data(), request_id_.size());
}

Server& Request::server() const {
  return Object<Server>::of(server_.get());
}

// Runs in the task's own context, a copy of the seat's, which ends with the task: nothing needs to be reset.
bool Request::start() {
  PyObject* self = object_of(this);
  if (!server().set_context_ids({request_id_.data(), request_id_.size()})) return false;
  Ref receive = Ref::steal(PyCFunction_NewEx(&receive_method, self, nullptr));
  Ref send = Ref::steal(PyCFunction_NewEx(&send_method, self, nullptr));
  if (!receive || !send) return false;
  Ref scope = std::move(scope_);
  Ref awaitable = Ref::steal(PyObject_CallFunctionObjArgs(app_.get(), scope.get(), receive.get(), send.get(), nullptr));
  if (!awaitable) return false;
  inner_ = server().is_coroutine(awaitable.get())
               ? std::move(awaitable)
               : Ref::steal(PyObject_CallMethodObjArgs(awaitable.get(), names.__await___, nullptr));
  return static_cast<bool>(inner_);
}

PySendResult Request::step(PyObject* argument, PyObject** result) {
  *result = nullptr;
  if (finished_) {
    PyErr_SetString(PyExc_RuntimeError, "this request has ended");
    return PYGEN_ERROR;
  }
  const bool started = inner_ || start();
  const PySendResult how = started ? PyIter_Send(inner_.get(), argument, result) : PYGEN_ERROR;
  if (how == PYGEN_NEXT) return how;
  if (how == PYGEN_ERROR && !finish_with_error()) return how;
  if (how == PYGEN_RETURN) finish(nullptr);
  Py_XDECREF(*result);
  *result = none();
  return PYGEN_RETURN;
}

PyObject* Request::throw_into(PyObject* args) {
  PyObject* yielded = nullptr;
  if (inner_) {
    Ref method = Ref::steal(PyObject_GetAttr(inner_.get(), names.throw_));
    if (method) yielded = PyObject_CallObject(method.get(), args);
  } else {
    raise_thrown(args);
  }
  if (yielded != nullptr) return yielded;
  if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
    PyErr_Clear();  // finishing calls into Python
    finish(nullptr);
    PyErr_SetNone(PyExc_StopIteration);
  } else if (finish_with_error()) {
    PyErr_SetNone(PyExc_StopIteration);
  }
  return nullptr;
}

PyObject* Request::close() {
  if (finished_) return none();
  if (inner_) {
    Ref closed = Ref::steal(PyObject_CallMethodObjArgs(inner_.get(), names.close_, nullptr));
    if (!closed) return finish_with_error() ? none() : nullptr;
  }
  finish("the event loop ended before the request");
  return none();
}

// Takes the Python error that is set. True when it was dealt with; false, with the error set again, when it is one that
// asyncio must see.
bool Request::finish_with_error() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  if (PyErr_GivenExceptionMatches(value, PyExc_Exception) == 0) {
    const bool leaves = PyErr_GivenExceptionMatches(value, PyExc_SystemExit) != 0 ||
                        PyErr_GivenExceptionMatches(value, PyExc_KeyboardInterrupt) != 0;
    finish(leaves ? "the application ended its process" : "the request was cancelled");
    PyErr_Restore(type, value, traceback);
    return false;
  }
  Ref owned_type = Ref::steal(type), error = Ref::steal(value), owned_traceback = Ref::steal(traceback);
  const std::string reason = server().report(error.get(), disconnected_);
  finish(reason.c_str());
  return true;
}

// The application's coroutine is over. Without a reason it returned by itself.
void Request::finish(const char* abort_reason) {
  if (finished_) return;
  finished_ = true;
  Ref inner = std::move(inner_), task = std::move(task_), app = std::move(app_), scope = std::move(scope_);
  if (abort_reason == nullptr && !may_return() && !disconnected_) {
    abort_reason = phase_ == Phase::NotStarted ? "the application returned without sending a response"
                                               : "the application returned before its response was complete";
    server().complain(abort_reason);
  }
  if (abort_reason != nullptr && !is_complete()) {
    if (!disconnected_) append_frame({.type = wire::FrameType::Abort}, abort_reason);
    disconnected_ = true;
    chunks_.clear();
    senders_.wake_all();
  }
  // What the application sent and did not wait for still goes out as credit comes.
  if (chunks_.empty()) release_stream();
  receivers_.wake_all();
  server().request_ended(object_of(this));
}

void Request::release_stream() {
  append_frame({.type = wire::FrameType::Done});
  if (Connection* connection = std::exchange(connection_, nullptr)) connection->remove(stream_);
}

void Request::cancel(CancelReason reason) {
  disconnected_ = true;
  body_.clear();
  chunks_.clear();
  abandon_socket(reason);
  if (finished_) {
    release_stream();
    return;
  }
  if (reason == CancelReason::CallerGone && !socket_) ignored_sends_ = kIgnoredSends;
  receivers_.wake_all();  // before the senders, whose task the one who is told may cancel
  senders_.wake_all();
  // A caller that is gone only disconnects: the application decides what that means.
  if (reason != CancelReason::CallerGone && task_) {
    Ref done = Ref::steal(PyObject_CallMethodObjArgs(task_.get(), names.cancel_, nullptr));
    report_unraisable(task_.get());
  }
}

void Request::lose_connection() {
  connection_ = nullptr;
  cancel(CancelReason::CallerGone);
}

}  // namespace bimodal::runner
