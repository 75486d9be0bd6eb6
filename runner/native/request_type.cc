// Request as a Python type: slots and methods that lead to request_task.cc, and the two callables for the application.
#include "connection.h"
#include "names.h"
#include "request.h"
#include "server.h"

namespace bimodal::runner {
namespace {

PyObject* request_type = nullptr;

using RequestObject = Object<Request>;

PyObject* self_iterator(PyObject* self) {
  Py_INCREF(self);
  return self;
}

PySendResult am_send(PyObject* self, PyObject* argument, PyObject** result) {
  return RequestObject::of(self).step(argument, result);
}

PyObject* send_into(PyObject* self, PyObject* argument) {
  PyObject* result = nullptr;
  const PySendResult how = RequestObject::of(self).step(argument, &result);
  if (how != PYGEN_RETURN) return result;
  Py_DECREF(result);
  PyErr_SetNone(PyExc_StopIteration);
  return nullptr;
}

PyObject* iternext(PyObject* self) {
  return send_into(self, Py_None);
}

PyObject* throw_into(PyObject* self, PyObject* args) {
  return RequestObject::of(self).throw_into(args);
}

PyObject* close(PyObject* self, PyObject*) {
  return RequestObject::of(self).close();
}

// Tools look at a task's coroutine (inspect.getcoroutinestate, traceback printers): they see the application's.
PyObject* of_inner(PyObject* self, void* attribute) {
  PyObject* inner = RequestObject::of(self).inner();
  if (inner == nullptr) return none();
  return PyObject_GetAttrString(inner, static_cast<const char*>(attribute));
}

PyObject* call_receive(PyObject* self, PyObject*) {
  return RequestObject::of(self).receive_or_defer().release();
}

PyObject* call_send(PyObject* self, PyObject* message) {
  return RequestObject::of(self).send_or_defer(message).release();
}

PyMethodDef methods[] = {
    {"send", send_into, METH_O, nullptr},
    {"throw", throw_into, METH_VARARGS, nullptr},
    {"close", close, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"cr_running", of_inner, nullptr, nullptr, const_cast<char*>("cr_running")},
    {"cr_suspended", of_inner, nullptr, nullptr, const_cast<char*>("cr_suspended")},
    {"cr_frame", of_inner, nullptr, nullptr, const_cast<char*>("cr_frame")},
    {"cr_await", of_inner, nullptr, nullptr, const_cast<char*>("cr_await")},
    {"cr_code", of_inner, nullptr, nullptr, const_cast<char*>("cr_code")},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(RequestObject::dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(RequestObject::traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(RequestObject::clear)},
    {Py_tp_iter, reinterpret_cast<void*>(self_iterator)},
    {Py_tp_iternext, reinterpret_cast<void*>(iternext)},
    {Py_am_await, reinterpret_cast<void*>(self_iterator)},
    {Py_am_send, reinterpret_cast<void*>(am_send)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, nullptr},
};

PyType_Spec spec = {"_runner.Request", sizeof(RequestObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

PyMethodDef receive_method = {"receive", call_receive, METH_NOARGS, nullptr};
PyMethodDef send_method = {"send", call_send, METH_O, nullptr};

bool Request::make_type() {
  request_type = PyType_FromSpec(&spec);
  return request_type != nullptr;
}

PyObject* Request::type() {
  return request_type;
}

int Request::traverse(visitproc visit, void* arg) {
  for (PyObject* object : {server_.get(), app_.get(), scope_.get(), inner_.get(), task_.get()}) Py_VISIT(object);
  if (const int result = receivers_.traverse(visit, arg)) return result;
  return senders_.traverse(visit, arg);
}

// The server stays: a request that is being collected may still be called, and needs it.
void Request::clear() {
  Ref inner = std::move(inner_), task = std::move(task_), app = std::move(app_), scope = std::move(scope_);
  receivers_.clear();
  senders_.clear();
}

void raise_thrown(PyObject* args) {
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  if (!PyArg_UnpackTuple(args, "throw", 1, 3, &type, &value, &traceback)) return;
  if (PyExceptionInstance_Check(type)) {
    PyErr_SetObject(PyExceptionInstance_Class(type), type);
    return;
  }
  if (traceback == Py_None) traceback = nullptr;
  Py_INCREF(type);
  Py_XINCREF(value);
  Py_XINCREF(traceback);
  PyErr_Restore(type, value, traceback);
}

}  // namespace bimodal::runner
