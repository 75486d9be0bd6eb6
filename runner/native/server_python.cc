// Where Server meets Python: its type, and the calls into the client's context variables and our Python half.
#include "connection.h"
#include "names.h"
#include "request.h"
#include "server.h"

namespace bimodal::runner {
namespace {

PyObject* server_type = nullptr;
PyObject* disconnected = nullptr;  // _runner.ClientDisconnected

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
  setup.input_id_var = Ref::borrow(input_id_var);
  setup.function_call_id_var = Ref::borrow(function_call_id_var);
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

PyObject* start(PyObject* self, PyObject*) {
  return ServerObject::of(self).start() ? none() : nullptr;
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
  ServerObject::of(self).flush();
  return none();
}

PyObject* running(PyObject* self, void*) {
  return PyLong_FromSize_t(ServerObject::of(self).running());
}

PyMethodDef methods[] = {
    {"mount", mount, METH_VARARGS, "mount(web_method, app, state): serve this application under that name"},
    {"start", start, METH_NOARGS, "accept connections"},
    {"drain", drain, METH_NOARGS, "call `drained` once no request runs"},
    {"tasks", tasks, METH_NOARGS, "the tasks of running requests"},
    {"close", close, METH_NOARGS, "write what can be written, and close every connection"},
    {"_readable", readable, METH_NOARGS, nullptr},
    {"_flush", flush, METH_NOARGS, nullptr},
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

Ref context_id(const char* prefix, std::string_view request_id) {
  std::string text(prefix);
  text += request_id;
  return Ref::steal(PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
}

bool set_var(PyObject* var, Ref value) {
  return value && Ref::steal(PyObject_CallMethodObjArgs(var, names.set_, value.get(), nullptr));
}

}  // namespace

bool Server::make_type() {
  server_type = PyType_FromSpec(&spec);
  disconnected = PyErr_NewExceptionWithDoc(
      "_runner.ClientDisconnected", "send() was called after the caller had gone", PyExc_OSError, nullptr);
  return server_type != nullptr && disconnected != nullptr;
}

PyObject* Server::type() {
  return server_type;
}

PyObject* Server::disconnected_error() {
  return disconnected;
}

bool Server::set_context_ids(std::string_view request_id) {
  return set_var(setup_.input_id_var.get(), context_id("in-", request_id)) &&
         set_var(setup_.function_call_id_var.get(), context_id("fc-", request_id));
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
       {&setup_.loop, &setup_.input_id_var, &setup_.function_call_id_var, &setup_.report, &setup_.drained, &task_type_,
        &task_options_, &coroutine_}) {
    Py_VISIT(ref->get());
  }
  for (const Mount& mount : mounts_) {
    Py_VISIT(mount.app.get());
    Py_VISIT(mount.state.get());
  }
  for (const auto* list : {&connections_, &orphans_, &unflushed_}) {
    for (const Ref& object : *list) Py_VISIT(object.get());
  }
  return 0;
}

void Server::clear() {
  std::vector<Mount> mounts = std::move(mounts_);
  std::vector<Ref> connections = std::move(connections_), orphans = std::move(orphans_);
  std::vector<Ref> unflushed = std::move(unflushed_);
  Ref drained = std::move(setup_.drained), report = std::move(setup_.report);
}

}  // namespace bimodal::runner
