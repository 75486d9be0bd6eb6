// What receive() and send() return: a coroutine in all but name, so that it can be awaited, and also given to
// asyncio.create_task() or run_coroutine_threadsafe(), as applications do.
#pragma once

#include "py.h"

namespace bimodal::runner {

class Request;

class Awaitable {
 public:
  enum class State {
    Ready,     // value_ is the result
    Receive,   // takes the request's next message as soon as there is one
    Send,      // done as soon as the request has sent target_ bytes
    Deferred,  // send() was called on another thread: begins when first awaited, which is on the loop
    Finished,
    Always,  // the shared one that is always finished, with None
  };

  Awaitable(State state, Ref value, Ref request)
      : state_(state), value_(std::move(value)), request_(std::move(request)) {}

  static bool make_type();  // false with a Python error set
  static Ref done();        // the shared finished one
  static Ref ready(Ref value);
  static Ref receive(Ref request);
  static Ref send(Ref request, unsigned long long target);
  static Ref deferred_send(Ref request, Ref message);

  // Makes the task that waits in it, if one does, look again.
  void wake();
  unsigned long long target() const { return target_; }

  // The coroutine protocol. Returns a future to wait for, or the result, or neither with a Python error set.
  PySendResult step(PyObject** result);
  // The awaiting task was cancelled, or gave up.
  void abandon();

  int traverse(visitproc visit, void* arg);
  void clear();

 private:
  PySendResult step_receive(PyObject** result);
  PySendResult step_send(PyObject** result);
  PySendResult step_deferred(PyObject** result);
  PySendResult wait(PyObject** result);
  PySendResult finish(Ref value, PyObject** result);

  State state_;
  Ref value_;    // Ready: the result; Deferred: the message
  Ref request_;  // while it is not finished
  Ref future_;   // what the awaiting task waits for
  unsigned long long target_ = 0;
};

}  // namespace bimodal::runner
