// The runner's side of the socket that a container listens on, bound to the loop of the user's code.
//
// Python makes one per container and drives it: mount() every application, start(), and when `drained` is called,
// or the seat is cancelled, cancel_requests() and close(). Everything runs on the loop's thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "py.h"
#include "stream.h"

namespace bimodal::runner {

class Connection;

class Server {
 public:
  // What Python gives; see module.cc for the meaning of each.
  struct Setup {
    Ref loop;
    int listen_fd = -1;
    std::string task_id;
    Ref set_input_id, set_function_call_id;  // bound methods of context variables
    Ref report, drained;
  };

  struct Mount {
    std::string web_method;
    Ref app;         // threaded: a callable that takes a WsgiRequest and has a thread answer it
    Ref state = {};  // the dictionary that the application's lifespan fills; threaded: what every environ has
    bool threaded = false;
  };

  explicit Server(Setup setup) : setup_(std::move(setup)) {}

  static bool make_type();  // false with a Python error set
  static PyObject* type();

  bool prepare();  // false with a Python error set
  void mount(Mount mount) { mounts_.push_back(std::move(mount)); }
  bool start();  // false with a Python error set
  void accept();
  // Serves a connection that greet() accepted, and owns it. After start().
  void add_greeted(int socket);
  void drain();
  void close();
  Ref tasks() const;  // the tasks of running requests, as a list; null with a Python error set
  void cancel_threaded();
  std::size_t running() const { return running_; }

  // The application of that name; if there is only one, that one. Null when there is none.
  const Mount* find(std::string_view web_method) const;
  // Has begin_tasks() make a task of the request.
  void add(PyObject* request) {
    begun_.push_back(Ref::borrow(request));
    ++running_;
  }
  // Has begin_tasks() give the request to `submit`.
  void add_threaded(PyObject* request, PyObject* submit) {
    submissions_.push_back({Ref::borrow(submit), Ref::borrow(request)});
    ++running_;
    ++waiting_;
  }
  // A request of add_threaded() waits no more.
  void begun_by_thread() { --waiting_; }
  // Whether the thread that has just answered one has others to answer: then answers may be held. Not while somebody
  // waits for the last one.
  bool holds_answers() const { return waiting_ > 0 && !draining_; }
  // Makes the tasks of new requests and runs each up to where it first waits. False with a Python error set, when an
  // application raised what must end the process.
  bool begin_tasks();
  void capture_step(PyObject* step, PyObject* context);
  void request_ended(PyObject* request);
  // Keeps a request whose connection broke until it has ended.
  void adopt(StreamRef request) { orphans_.push_back(std::move(request)); }

  // Writes `connection`'s output at the end of this turn of the loop, or of the next.
  void flush_soon(Connection& connection);
  void schedule_flush();
  // Around what is done for a readable socket: outputs made in between are written at its end.
  void hold_flush() { flush_scheduled_ = true; }
  bool flush();  // false with a Python error set, see begin_tasks()

  enum class Event { Readable, Writable };
  // Have the loop call `target`'s method for that event. False with a Python error set.
  bool watch(PyObject* target, int fd, Event event);
  bool unwatch(int fd, Event event);
  void forget(Connection& connection);

  const std::string& task_id() const { return setup_.task_id; }
  PyObject* loop() const { return setup_.loop.get(); }
  bool on_loop_thread() const { return PyThread_get_thread_ident() == thread_; }
  bool is_coroutine(PyObject* object) const { return reinterpret_cast<PyObject*>(Py_TYPE(object)) == coroutine_.get(); }
  static PyObject* disconnected_error();
  static PyObject* cancelled_error();  // what a thread gets whose request is out of time
  // Makes modal.current_input_id() and the like answer in the current context. False with a Python error set.
  bool set_context_ids(std::string_view request_id);
  // Prints the exception for the log, unless it comes from a caller that is gone, and returns it in one line.
  std::string report(PyObject* error, bool disconnected);
  // Prints a line for the log.
  void complain(const char* what);

  int traverse(visitproc visit, void* arg);
  void clear();

 private:
  struct Step {
    Ref callback, context;
  };

  struct Submission {
    Ref submit, request;
  };

  void add_connection(Ref connection);
  bool prepare_tasks();
  void submit_threaded();
  void make_tasks(const std::vector<Ref>& requests);
  Ref make_task(PyObject* request);
  void write_out();
  bool check_drained();

  Setup setup_;
  unsigned long thread_ = 0;
  Ref task_type_;     // asyncio.Task; none when the loop has a task factory or can't be made to start tasks at once
  Ref task_options_;  // its keyword arguments
  Ref capture_;       // stands in for the loop's call_soon while tasks are made
  Ref flush_method_;
  Ref coroutine_;  // types.CoroutineType
  std::vector<Mount> mounts_;
  std::vector<Ref> connections_;
  std::vector<StreamRef> orphans_;
  std::vector<Ref> begun_;
  std::vector<Submission> submissions_;
  std::vector<Step> steps_;
  std::vector<Ref> unflushed_;
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;  // of those, requests that no thread has begun
  bool listening_ = false;
  bool flush_scheduled_ = false;
  bool draining_ = false;
};

}  // namespace bimodal::runner
