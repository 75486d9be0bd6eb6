#include "server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "connection.h"
#include "names.h"
#include "request.h"

namespace bimodal::runner {
namespace {

constexpr std::size_t kMaxConnections = 1024;  // one per gateway loop and one more: far beyond any use

}  // namespace

bool Server::prepare() {
  thread_ = PyThread_get_thread_ident();
  coroutine_ = import_attribute("types", "CoroutineType");
  flush_method_ = Ref::steal(PyObject_GetAttrString(object_of(this), "_flush"));
  Ref factory = Ref::steal(PyObject_CallMethodObjArgs(loop(), names.get_task_factory_, nullptr));
  if (!coroutine_ || !flush_method_ || !factory) return false;
  return factory.get() != Py_None || prepare_tasks();
}

bool Server::start() {
  const int flags = ::fcntl(setup_.listen_fd, F_GETFL);
  if (flags < 0 || ::fcntl(setup_.listen_fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
  }
  listening_ = watch(object_of(this), setup_.listen_fd, Event::Readable);
  if (listening_) accept();
  return listening_;
}

void Server::accept() {
  while (listening_) {
    const int socket = ::accept4(setup_.listen_fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0 && errno == EINTR) continue;
    if (socket < 0) return;
    if (connections_.size() >= kMaxConnections) {
      ::close(socket);
      continue;
    }
    add_connection(Object<Connection>::create(
        Connection::type(), Ref::borrow(object_of(this)), socket, Connection::Greeting::Say));
  }
}

void Server::add_greeted(int socket) {
  add_connection(
      Object<Connection>::create(Connection::type(), Ref::borrow(object_of(this)), socket, Connection::Greeting::Said));
}

void Server::add_connection(Ref connection) {
  if (!connection || !Object<Connection>::of(connection.get()).watch()) return report_unraisable(object_of(this));
  connections_.push_back(std::move(connection));
}

const Server::Mount* Server::find(std::string_view web_method) const {
  if (mounts_.size() == 1) return &mounts_.front();
  for (const Mount& mount : mounts_) {
    if (mount.web_method == web_method) return &mount;
  }
  return nullptr;
}

void Server::request_ended(PyObject* request) {
  --running_;
  std::erase_if(orphans_, [&](const StreamRef& orphan) { return orphan.object.get() == request; });
  if (draining_) schedule_flush();
}

Ref Server::tasks() const {
  Ref list = Ref::steal(PyList_New(0));
  const auto add = [&](const StreamRef& entry) {
    PyObject* task = entry.stream->task();
    if (list && task != nullptr && PyList_Append(list.get(), task) != 0) list.reset();
  };
  for (const Ref& connection : connections_) Object<Connection>::of(connection.get()).for_each_stream(add);
  for (const StreamRef& orphan : orphans_) add(orphan);
  return list;
}

void Server::cancel_threaded() {
  std::vector<StreamRef> streams;  // a copy: cancelling may end them
  const auto add = [&](const StreamRef& entry) {
    if (entry.stream->task() == nullptr) streams.push_back({Ref::borrow(entry.object.get()), entry.stream});
  };
  for (const Ref& connection : connections_) Object<Connection>::of(connection.get()).for_each_stream(add);
  for (const StreamRef& orphan : orphans_) add(orphan);
  for (const StreamRef& entry : streams) entry.stream->cancel(CancelReason::Draining);
}

void Server::flush_soon(Connection& connection) {
  unflushed_.push_back(Ref::borrow(object_of(&connection)));
  schedule_flush();
}

void Server::schedule_flush() {
  if (std::exchange(flush_scheduled_, true)) return;
  PyObject* call = on_loop_thread() ? names.call_soon_ : names.call_soon_threadsafe_;
  Ref handle = Ref::steal(PyObject_CallMethodObjArgs(loop(), call, flush_method_.get(), nullptr));
  if (!handle) report_unraisable(object_of(this));
}

bool Server::flush() {
  flush_scheduled_ = false;
  write_out();
  return check_drained();
}

void Server::write_out() {
  std::vector<Ref> unflushed = std::move(unflushed_);
  unflushed_.clear();
  for (const Ref& connection : unflushed) Object<Connection>::of(connection.get()).flush();
}

void Server::drain() {
  draining_ = true;
  schedule_flush();
}

// The seat ends when no request runs, nothing that came is unread, and everything was written.
bool Server::check_drained() {
  if (!draining_ || running_ > 0) return true;
  accept();
  std::vector<Ref> connections;  // a copy: reading may close them
  for (const Ref& connection : connections_) connections.push_back(Ref::borrow(connection.get()));
  for (const Ref& connection : connections) {
    if (!Object<Connection>::of(connection.get()).read()) return false;
    Object<Connection>::of(connection.get()).flush();  // held answers, too
  }
  const auto flushed = [](const Ref& connection) { return Object<Connection>::of(connection.get()).flushed(); };
  if (running_ > 0 || !std::all_of(connections_.begin(), connections_.end(), flushed)) return true;
  draining_ = false;  // once
  Ref result = Ref::steal(PyObject_CallFunctionObjArgs(setup_.drained.get(), nullptr));
  if (!result) report_unraisable(setup_.drained.get());
  return true;
}

void Server::close() {
  if (std::exchange(listening_, false) && !unwatch(setup_.listen_fd, Event::Readable)) {
    report_unraisable(object_of(this));
  }
  std::vector<Ref> connections = std::move(connections_);
  connections_.clear();
  for (const Ref& connection : connections) {
    Object<Connection>::of(connection.get()).flush();
    Object<Connection>::of(connection.get()).close();
  }
}

void Server::forget(Connection& connection) {
  std::erase_if(connections_, [&](const Ref& other) { return other.get() == object_of(&connection); });
  if (draining_) schedule_flush();
}

bool Server::watch(PyObject* target, int fd, Event event) {
  const bool readable = event == Event::Readable;
  Ref method = Ref::steal(PyObject_GetAttrString(target, readable ? "_readable" : "_writable"));
  Ref number = Ref::steal(PyLong_FromLong(fd));
  if (!method || !number) return false;
  PyObject* watch = readable ? names.add_reader_ : names.add_writer_;
  return static_cast<bool>(Ref::steal(PyObject_CallMethodObjArgs(loop(), watch, number.get(), method.get(), nullptr)));
}

bool Server::unwatch(int fd, Event event) {
  Ref number = Ref::steal(PyLong_FromLong(fd));
  PyObject* unwatch = event == Event::Readable ? names.remove_reader_ : names.remove_writer_;
  return number && Ref::steal(PyObject_CallMethodObjArgs(loop(), unwatch, number.get(), nullptr));
}

}  // namespace bimodal::runner
