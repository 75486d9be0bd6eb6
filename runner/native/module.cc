// The extension module `_runner`: one type to use, Server; greet(), for before there is one; the error that send()
// raises for a caller that is gone; and fork_container(), for zygotes.
#include "awaitable.h"
#include "connection.h"
#include "fork.h"
#include "headers.h"
#include "names.h"
#include "request.h"
#include "scope.h"
#include "server.h"
#include "wsgi_environ.h"
#include "wsgi_request.h"

namespace bimodal::runner {
namespace {

PyObject* greet_waiting(PyObject*, PyObject* args) {
  int listen_fd;
  const char* task_id;
  if (!PyArg_ParseTuple(args, "is", &listen_fd, &task_id)) return nullptr;
  return PyLong_FromLong(greet(listen_fd, task_id));
}

PyMethodDef functions[] = {
    {"greet", greet_waiting, METH_VARARGS,
     "greet(listen_fd, task_id): say Hello to who waits there, as the connection's descriptor; -1 when nobody does"},
    {"fork_container", fork_container, METH_VARARGS,
     "fork_container(out, err, listener, channel, gate): fork into namespaces of its own; a pidfd, or None in the "
     "container"},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_runner", "Serves ASGI and WSGI requests over a framed Unix stream.", -1, functions};

bool prepare() {
  return make_names() && make_header_names() && make_scope_templates() && make_variable_names() &&
         Awaitable::make_type() && Request::make_type() && WsgiRequest::make_type() && Connection::make_type() &&
         Server::make_type();
}

bool add(PyObject* module, const char* name, PyObject* object) {
  Py_INCREF(object);
  if (PyModule_AddObject(module, name, object) == 0) return true;
  Py_DECREF(object);
  return false;
}

}  // namespace
}  // namespace bimodal::runner

PyMODINIT_FUNC PyInit__runner() {
  using namespace bimodal::runner;
  if (!prepare()) return nullptr;
  Ref module = Ref::steal(PyModule_Create(&definition));
  if (!module || !add(module.get(), "Server", Server::type()) ||
      !add(module.get(), "ClientDisconnected", Server::disconnected_error()) ||
      !add(module.get(), "RequestCancelled", Server::cancelled_error()) ||
      PyModule_AddIntConstant(module.get(), "VERSION", bimodal::wire::kVersion) != 0) {
    return nullptr;
  }
  return module.release();
}
