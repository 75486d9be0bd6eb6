// Connection as a Python type: only what the loop calls.
#include "connection.h"
#include "request.h"
#include "server.h"

namespace bimodal::runner {
namespace {

PyObject* connection_type = nullptr;

using ConnectionObject = Object<Connection>;

PyObject* readable(PyObject* self, PyObject*) {
  Connection& connection = ConnectionObject::of(self);
  Server& server = connection.server();
  server.hold_flush();
  if (connection.read()) return server.flush() ? none() : nullptr;
  // What ends the process waits until the others' answers are on their way.
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (!server.flush()) report_unraisable(self);
  PyErr_Restore(type, value, traceback);
  return nullptr;
}

PyObject* writable(PyObject* self, PyObject*) {
  ConnectionObject::of(self).flush();
  return none();
}

PyMethodDef methods[] = {
    {"_readable", readable, METH_NOARGS, nullptr},
    {"_writable", writable, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(ConnectionObject::dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(ConnectionObject::traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(ConnectionObject::clear)},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"_runner.Connection", sizeof(ConnectionObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

bool Connection::make_type() {
  connection_type = PyType_FromSpec(&spec);
  return connection_type != nullptr;
}

PyObject* Connection::type() {
  return connection_type;
}

}  // namespace bimodal::runner
