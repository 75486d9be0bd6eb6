// WsgiRequest as a Python type: what wsgi.py calls.
#include "names.h"
#include "server.h"
#include "wsgi_request.h"

namespace bimodal::runner {
namespace {

PyObject* wsgi_request_type = nullptr;

using WsgiObject = Object<WsgiRequest>;

PyObject* take_environ(PyObject* self, PyObject*) {
  Ref environ = WsgiObject::of(self).take_environ();
  return environ ? environ.release() : none();
}

PyObject* enter(PyObject* self, PyObject*) {
  return WsgiObject::of(self).enter() ? none() : nullptr;
}

PyObject* whole_body(PyObject* self, PyObject*) {
  return WsgiObject::of(self).whole_body().release();
}

PyObject* read(PyObject* self, PyObject* args) {
  Py_ssize_t size;
  if (!PyArg_ParseTuple(args, "n", &size)) return nullptr;
  return WsgiObject::of(self).read(size < 0 ? 0 : static_cast<std::size_t>(size)).release();
}

PyObject* call(PyObject* self, PyObject* args) {
  PyObject *app, *environ;
  if (!PyArg_ParseTuple(args, "OO!", &app, &PyDict_Type, &environ)) return nullptr;
  return WsgiObject::of(self).call(app, environ) ? none() : nullptr;
}

PyObject* switch_protocols(PyObject* self, PyObject* args) {
  PyObject *status, *headers;
  if (!PyArg_ParseTuple(args, "O!O!", &PyUnicode_Type, &status, &PyList_Type, &headers)) return nullptr;
  return WsgiObject::of(self).switch_protocols(status, headers) ? none() : nullptr;
}

PyObject* write(PyObject* self, PyObject* args) {
  PyObject* bytes;
  int end = 0;
  if (!PyArg_ParseTuple(args, "O!|p", &PyBytes_Type, &bytes, &end)) return nullptr;
  return WsgiObject::of(self).write(bytes, end != 0) ? none() : nullptr;
}

PyObject* end(PyObject* self, PyObject* args) {
  const char* abort_reason = nullptr;
  if (!PyArg_ParseTuple(args, "|z", &abort_reason)) return nullptr;
  WsgiObject::of(self).end(abort_reason);
  return none();
}

PyObject* disconnected(PyObject* self, void*) {
  return PyBool_FromLong(WsgiObject::of(self).disconnected());
}

PyObject* switched(PyObject* self, void*) {
  return PyBool_FromLong(WsgiObject::of(self).switched());
}

PyObject* is_tunnel(PyObject* self, void*) {
  return PyBool_FromLong(WsgiObject::of(self).is_tunnel());
}

PyMethodDef methods[] = {
    {"take_environ", take_environ, METH_NOARGS, "what the head says, once"},
    {"enter", enter, METH_NOARGS, "this thread answers the request, in this context"},
    {"whole_body", whole_body, METH_NOARGS, "the body if all of it came with the head, else None"},
    {"read", read, METH_VARARGS, "read(size): some of the body, waits; empty at its end"},
    {"call", call, METH_VARARGS, "call(app, environ): answer with what the application says"},
    {"switch_protocols", switch_protocols, METH_VARARGS,
     "switch_protocols(status, headers): the application took the socket, and this is its head"},
    {"write", write, METH_VARARGS, "write(bytes, end=False): waits until all is on its way"},
    {"end", end, METH_VARARGS, "end(abort_reason=None): the thread is done with it"},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"disconnected", disconnected, nullptr, "whether the caller is gone", nullptr},
    {"switched", switched, nullptr, "whether the application took the socket of a tunnel", nullptr},
    {"is_tunnel", is_tunnel, nullptr, "whether it asks to leave HTTP", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(WsgiObject::dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(WsgiObject::traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(WsgiObject::clear)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, nullptr},
};

PyType_Spec spec = {"_runner.WsgiRequest", sizeof(WsgiObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

bool WsgiRequest::make_type() {
  wsgi_request_type = PyType_FromSpec(&spec);
  return wsgi_request_type != nullptr;
}

PyObject* WsgiRequest::type() {
  return wsgi_request_type;
}

int WsgiRequest::traverse(visitproc visit, void* arg) {
  Py_VISIT(server_.get());
  Py_VISIT(environ_.get());
  return 0;
}

// The server stays: a request that is being collected may still be called, and needs it.
void WsgiRequest::clear() {
  Ref environ = std::move(environ_);
}

}  // namespace bimodal::runner
