// The extension module `_runner`: one type to use, Server, and the error that send() raises for a caller that is gone.
#include "awaitable.h"
#include "connection.h"
#include "headers.h"
#include "names.h"
#include "request.h"
#include "scope.h"
#include "server.h"
#include "wsgi_request.h"

namespace bimodal::runner {
namespace {

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_runner", "Serves ASGI and WSGI requests over a framed Unix stream.", -1};

bool prepare() {
  return make_names() && make_header_names() && make_scope_templates() && Awaitable::make_type() &&
         Request::make_type() && WsgiRequest::make_type() && Connection::make_type() && Server::make_type();
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
