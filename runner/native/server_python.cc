// Where Server meets Python: its type, and the calls into the client's context variables and our Python half.
#include "connection.h"
#include "names.h"
#include "request.h"
#include "server.h"

namespace bimodal::runner {
namespace {

PyObject* server_type = nullptr;
PyObject* disconnected = nullptr;  // _runner.ClientDisconnected
PyObject* cancelled = nullptr;     // _runner.RequestCancelled

using ServerObject = Object<Server>;

PyObject* create(PyTypeObject*, PyObject* args, PyObject*) {
  PyObject *loop, *input_id_var, *function_call_id_var, *report, *drained;
  const char* task_id;
  Server::Setup setup;
  if (!PyArg_ParseTuple(
          args, "OisOOOO", &loop, &setup.listen_fd, &task_id, &input_id_var, &function_call_id_var, &report,
          &drained)) {
    return nullptr;
  }
  setup.loop = Ref::borrow(loop);
  setup.task_id = task_id;
  setup.set_input_id = Ref::steal(PyObject_GetAttr(input_id_var, names.set_));
  setup.set_function_call_id = Ref::steal(PyObject_GetAttr(function_call_id_var, names.set_));
  if (!setup.set_input_id || !setup.set_function_call_id) return nullptr;
  setup.report = Ref::borrow(report);
  setup.drained = Ref::borrow(drained);
  Ref server = ServerObject::create(server_type, std::move(setup));
  return server && ServerObject::of(server.get()).prepare() ? server.release() : nullptr;
}

PyObject* mount(PyObject* self, PyObject* args) {
  const char* web_method;
  PyObject *app, *state;
  if (!PyArg_ParseTuple(args, "sOO!", &web_method, &app, &PyDict_Type, &state)) return nullptr;
  ServerObject::of(self).mount({web_method, Ref::borrow(app), Ref::borrow(state)});
  return none();
}

PyObject* mount_threaded(PyObject* self, PyObject* args) {
  const char* web_method;
  PyObject *submit, *common;
  if (!PyArg_ParseTuple(args, "sOO!", &web_method, &submit, &PyDict_Type, &common)) return nullptr;
  ServerObject::of(self).mount({web_method, Ref::borrow(submit), Ref::borrow(common), true});
  return none();
}

PyObject* cancel_threaded(PyObject* self, PyObject*) {
  ServerObject::of(self).cancel_threaded();
  return none();
}

PyObject* start(PyObject* self, PyObject*) {
  return ServerObject::of(self).start() ? none() : nullptr;
}

PyObject* add_greeted(PyObject* self, PyObject* args) {
  int socket;
  if (!PyArg_ParseTuple(args, "i", &socket)) return nullptr;
  ServerObject::of(self).add_greeted(socket);
  return none();
}

PyObject* drain(PyObject* self, PyObject*) {
  ServerObject::of(self).drain();
  return none();
}

PyObject* tasks(PyObject* self, PyObject*) {
  return ServerObject::of(self).tasks().release();
}

PyObject* close(PyObject* self, PyObject*) {
  ServerObject::of(self).close();
  return none();
}

PyObject* readable(PyObject* self, PyObject*) {
  ServerObject::of(self).accept();
  return none();
}

PyObject* flush(PyObject* self, PyObject*) {
  return ServerObject::of(self).flush() ? none() : nullptr;
}

// call_soon(callback, *, context), as a new task calls it.
PyObject* capture_step(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names_after) {
  if (count != 1 || names_after == nullptr || PyTuple_Size(names_after) != 1) {
    PyErr_SetString(PyExc_TypeError, "a new task gives its step and its context");
    return nullptr;
  }
  ServerObject::of(self).capture_step(args[0], args[1]);
  return none();
}

PyObject* running(PyObject* self, void*) {
  return PyLong_FromSize_t(ServerObject::of(self).running());
}

PyMethodDef methods[] = {
    {"mount", mount, METH_VARARGS, "mount(web_method, app, state): serve this application under that name"},
    {"mount_threaded", mount_threaded, METH_VARARGS,
     "mount_threaded(web_method, submit, common): give requests under that name to submit(), which has a thread answer "
     "them; `common` is in every environ"},
    {"cancel_threaded", cancel_threaded, METH_NOARGS, "cancel what threads answer"},
    {"start", start, METH_NOARGS, "accept connections"},
    {"add_greeted", add_greeted, METH_VARARGS, "add_greeted(fd): serve a connection that greet() gave"},
    {"drain", drain, METH_NOARGS, "call `drained` once no request runs"},
    {"tasks", tasks, METH_NOARGS, "the tasks of running requests"},
    {"close", close, METH_NOARGS, "write what can be written, and close every connection"},
    {"_readable", readable, METH_NOARGS, nullptr},
    {"_flush", flush, METH_NOARGS, nullptr},
    {"_capture_step", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(capture_step)),
     METH_FASTCALL | METH_KEYWORDS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"running", running, nullptr, "how many requests run", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(create)},
    {Py_tp_dealloc, reinterpret_cast<void*>(ServerObject::dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(ServerObject::traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(ServerObject::clear)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_doc,
     const_cast<char*>("Server(loop, listen_fd, task_id, input_id_var, function_call_id_var, report, drained)")},
    {0, nullptr},
};

PyType_Spec spec = {"_runner.Server", sizeof(ServerObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

// Calls a context variable's set() with `prefix` + `request_id`.
bool set_id(PyObject* set, std::string_view prefix, std::string_view request_id) {
  char text[8 + wire::kRequestIdSize];
  const std::size_t size = prefix.copy(text, 8);
  const std::size_t whole = size + request_id.copy(text + size, wire::kRequestIdSize);
  Ref id = Ref::steal(PyUnicode_DecodeLatin1(text, static_cast<Py_ssize_t>(whole), nullptr));
  return id && Ref::steal(PyObject_CallFunctionObjArgs(set, id.get(), nullptr));
}

}  // namespace

bool Server::make_type() {
  server_type = PyType_FromSpec(&spec);
  disconnected = PyErr_NewExceptionWithDoc(
      "_runner.ClientDisconnected", "send() was called after the caller had gone", PyExc_OSError, nullptr);
  cancelled = PyErr_NewExceptionWithDoc(
      "_runner.RequestCancelled", "the time of a request that this thread answers is over", PyExc_BaseException,
      nullptr);
  return server_type != nullptr && disconnected != nullptr && cancelled != nullptr;
}

PyObject* Server::type() {
  return server_type;
}

PyObject* Server::disconnected_error() {
  return disconnected;
}

PyObject* Server::cancelled_error() {
  return cancelled;
}

bool Server::set_context_ids(std::string_view request_id) {
  return set_id(setup_.set_input_id.get(), "in-", request_id) &&
         set_id(setup_.set_function_call_id.get(), "fc-", request_id);
}

std::string Server::report(PyObject* error, bool disconnected) {
  Ref line =
      Ref::steal(PyObject_CallFunctionObjArgs(setup_.report.get(), error, disconnected ? Py_True : Py_False, nullptr));
  Ref bytes = line ? Ref::steal(PyUnicode_AsUTF8String(line.get())) : Ref();
  if (!bytes) {
    report_unraisable(setup_.report.get());
    return "exception in the application";
  }
  return PyBytes_AsString(bytes.get());
}

void Server::complain(const char* what) {
  PySys_FormatStderr("bimodal: %s\n", what);
}

int Server::traverse(visitproc visit, void* arg) {
  for (const Ref* ref :
       {&setup_.loop, &setup_.set_input_id, &setup_.set_function_call_id, &setup_.report, &setup_.drained, &task_type_,
        &task_options_, &coroutine_}) {
    Py_VISIT(ref->get());
  }
  for (const Mount& mount : mounts_) {
    Py_VISIT(mount.app.get());
    Py_VISIT(mount.state.get());
  }
  for (const auto* list : {&connections_, &begun_, &unflushed_}) {
    for (const Ref& object : *list) Py_VISIT(object.get());
  }
  for (const StreamRef& orphan : orphans_) Py_VISIT(orphan.object.get());
  for (const Submission& one : submissions_) {
    Py_VISIT(one.submit.get());
    Py_VISIT(one.request.get());
  }
  return 0;
}

void Server::clear() {
  std::vector<Mount> mounts = std::move(mounts_);
  std::vector<Ref> connections = std::move(connections_);
  std::vector<StreamRef> orphans = std::move(orphans_);
  std::vector<Submission> submissions = std::move(submissions_);
  std::vector<Ref> unflushed = std::move(unflushed_);
  std::vector<Ref> begun = std::move(begun_);
  Ref drained = std::move(setup_.drained), report = std::move(setup_.report);
  Ref capture = std::move(capture_), flush = std::move(flush_method_);
}

}  // namespace bimodal::runner
