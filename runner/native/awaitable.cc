#include "awaitable.h"

#include "names.h"
#include "request.h"
#include "server.h"

namespace bimodal::runner {
namespace {

PyObject* type = nullptr;
PyObject* shared_done = nullptr;

using AwaitableObject = Object<Awaitable>;

Ref create(Awaitable::State state, Ref value, Ref request) {
  return AwaitableObject::create(type, state, std::move(value), std::move(request));
}

PyObject* self_iterator(PyObject* self) {
  Py_INCREF(self);
  return self;
}

PySendResult am_send(PyObject* self, PyObject*, PyObject** result) {
  return AwaitableObject::of(self).step(result);
}

// The same as an iterator does it: a yielded object, or StopIteration with the result.
PyObject* iterate(PyObject* self) {
  PyObject* result = nullptr;
  const PySendResult how = AwaitableObject::of(self).step(&result);
  if (how != PYGEN_RETURN) return result;
  Ref value = Ref::steal(result);
  Ref stop = Ref::steal(PyObject_CallFunctionObjArgs(PyExc_StopIteration, value.get(), nullptr));
  if (stop) PyErr_SetObject(PyExc_StopIteration, stop.get());
  return nullptr;
}

PyObject* send_method(PyObject* self, PyObject*) {
  return iterate(self);
}

PyObject* throw_method(PyObject* self, PyObject* args) {
  AwaitableObject::of(self).abandon();
  raise_thrown(args);
  return nullptr;
}

PyObject* close_method(PyObject* self, PyObject*) {
  AwaitableObject::of(self).abandon();
  return none();
}

PyMethodDef methods[] = {
    {"send", send_method, METH_O, nullptr},
    {"throw", throw_method, METH_VARARGS, nullptr},
    {"close", close_method, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(AwaitableObject::dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(AwaitableObject::traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(AwaitableObject::clear)},
    {Py_tp_iter, reinterpret_cast<void*>(self_iterator)},
    {Py_tp_iternext, reinterpret_cast<void*>(iterate)},
    {Py_am_await, reinterpret_cast<void*>(self_iterator)},
    {Py_am_send, reinterpret_cast<void*>(am_send)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"_runner.Awaitable", sizeof(AwaitableObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

bool Awaitable::make_type() {
  type = PyType_FromSpec(&spec);
  if (type == nullptr) return false;
  shared_done = create(State::Always, Ref(), Ref()).release();
  return shared_done != nullptr;
}

Ref Awaitable::done() {
  return Ref::borrow(shared_done);
}

Ref Awaitable::ready(Ref value) {
  return create(State::Ready, std::move(value), Ref());
}

Ref Awaitable::receive(Ref request) {
  return create(State::Receive, Ref(), std::move(request));
}

Ref Awaitable::send(Ref request, unsigned long long target) {
  Ref awaitable = create(State::Send, Ref(), std::move(request));
  if (awaitable) AwaitableObject::of(awaitable.get()).target_ = target;
  return awaitable;
}

Ref Awaitable::deferred_send(Ref request, Ref message) {
  return create(State::Deferred, std::move(message), std::move(request));
}

void Awaitable::wake() {
  if (!future_) return;
  Ref future = std::move(future_);
  Ref done = Ref::steal(PyObject_CallMethodObjArgs(future.get(), names.done_, nullptr));
  if (done && PyObject_IsTrue(done.get()) == 0) {
    Ref::steal(PyObject_CallMethodObjArgs(future.get(), names.set_result_, Py_None, nullptr));
  }
  report_unraisable(future.get());
}

PySendResult Awaitable::step(PyObject** result) {
  *result = nullptr;
  switch (state_) {
    case State::Always:
      *result = none();
      return PYGEN_RETURN;
    case State::Ready:
      return finish(std::move(value_), result);
    case State::Receive:
      return step_receive(result);
    case State::Send:
      return step_send(result);
    case State::Deferred:
      return step_deferred(result);
    case State::Finished:
      break;
  }
  PyErr_SetString(PyExc_RuntimeError, "this receive() or send() was awaited before");
  return PYGEN_ERROR;
}

PySendResult Awaitable::step_receive(PyObject** result) {
  Request& request = Object<Request>::of(request_.get());
  if (!request.has_message()) return wait(result);
  request.receivers().remove(*this);
  // Another receive() may wait for the message after this one.
  Ref message = request.take_message();
  request.receivers().wake_first_if(request.has_message());
  return message ? finish(std::move(message), result) : PYGEN_ERROR;
}

PySendResult Awaitable::step_send(PyObject** result) {
  Request& request = Object<Request>::of(request_.get());
  if (request.disconnected()) {
    abandon();
    request.raise_disconnected();
    return PYGEN_ERROR;
  }
  if (request.bytes_sent() < target_) return wait(result);
  request.senders().remove(*this);
  return finish(Ref::borrow(Py_None), result);
}

// Runs the send() that another thread asked for, here on the loop's thread, and goes on as what that returned.
PySendResult Awaitable::step_deferred(PyObject** result) {
  Ref message = std::move(value_);
  Ref request = std::move(request_);
  state_ = State::Finished;
  Ref begun = Object<Request>::of(request.get()).send(message.get());
  if (!begun) return PYGEN_ERROR;
  Awaitable& other = AwaitableObject::of(begun.get());
  if (other.state_ != State::Send) return finish(Ref::borrow(Py_None), result);
  state_ = State::Send;
  target_ = other.target_;
  request_ = std::move(request);
  return step_send(result);
}

PySendResult Awaitable::wait(PyObject** result) {
  Request& request = Object<Request>::of(request_.get());
  WaitList& list = state_ == State::Receive ? request.receivers() : request.senders();
  Ref future = Ref::steal(PyObject_CallMethodObjArgs(request.server().loop(), names.create_future_, nullptr));
  // Tells the task that this future is yielded by an await and not by mistake.
  if (!future || PyObject_SetAttr(future.get(), names._asyncio_future_blocking_, Py_True) != 0) return PYGEN_ERROR;
  list.add(*this);
  future_ = Ref::borrow(future.get());
  *result = future.release();
  return PYGEN_NEXT;
}

PySendResult Awaitable::finish(Ref value, PyObject** result) {
  state_ = State::Finished;
  clear();
  *result = value.release();
  return PYGEN_RETURN;
}

void Awaitable::abandon() {
  if (state_ == State::Always) return;
  const State before = std::exchange(state_, State::Finished);
  Ref request = std::move(request_);
  clear();
  if (!request) return;
  Request& of = Object<Request>::of(request.get());
  if (before == State::Receive) {
    of.receivers().remove(*this);
    // It may have been woken for a message that it won't take now.
    of.receivers().wake_first_if(of.has_message());
  } else if (before == State::Send) {
    of.senders().remove(*this);
  }
}

int Awaitable::traverse(visitproc visit, void* arg) {
  Py_VISIT(value_.get());
  Py_VISIT(request_.get());
  Py_VISIT(future_.get());
  return 0;
}

void Awaitable::clear() {
  value_.reset();
  request_.reset();
  future_.reset();
}

}  // namespace bimodal::runner
