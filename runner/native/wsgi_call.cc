// The server's half of PEP 3333: calls the application, takes its head, and sends what it returns.
#include "names.h"
#include "server.h"
#include "wsgi_request.h"

namespace bimodal::runner {
namespace {

using WsgiObject = Object<WsgiRequest>;

PyObject* start_response(PyObject* self, PyObject* args, PyObject* named) {
  static const char* names_of[] = {"status", "headers", "exc_info", nullptr};
  PyObject *status, *headers, *exc_info = Py_None;
  if (!PyArg_ParseTupleAndKeywords(
          args, named, "O!O!|O", const_cast<char**>(names_of), &PyUnicode_Type, &status, &PyList_Type, &headers,
          &exc_info)) {
    return nullptr;
  }
  return WsgiObject::of(self).start_response(status, headers, exc_info).release();
}

PyObject* write(PyObject* self, PyObject* data) {
  return WsgiObject::of(self).send(data, false) ? none() : nullptr;
}

PyMethodDef start_response_method = {
    "start_response", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(start_response)),
    METH_VARARGS | METH_KEYWORDS, nullptr};
PyMethodDef write_method = {"write", write, METH_O, nullptr};

// Sets the error of sys.exc_info().
void raise_again(PyObject* exc_info) {
  PyObject *type, *value, *traceback;
  if (!PyArg_ParseTuple(exc_info, "OOO", &type, &value, &traceback)) return;
  PyErr_Restore(
      Ref::borrow(type).release(), Ref::borrow(value).release(),
      traceback == Py_None ? nullptr : Ref::borrow(traceback).release());
}

bool close(PyObject* result) {
  if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) return true;
  Ref method = Ref::steal(PyObject_GetAttr(result, names.close_));
  if (method) return static_cast<bool>(Ref::steal(PyObject_CallObject(method.get(), nullptr)));
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return false;
  PyErr_Clear();
  return true;
}

// The only part of a result that has one; borrowed, else null.
PyObject* only_part(PyObject* result) {
  if (PyList_Check(result) && PyList_Size(result) == 1) return PyList_GetItem(result, 0);
  return PyTuple_Check(result) && PyTuple_Size(result) == 1 ? PyTuple_GetItem(result, 0) : nullptr;
}

}  // namespace

bool WsgiRequest::call(PyObject* app, PyObject* environ) {
  Ref start = Ref::steal(PyCFunction_NewEx(&start_response_method, object_of(this), nullptr));
  Ref result = start ? Ref::steal(PyObject_CallFunctionObjArgs(app, environ, start.get(), nullptr)) : Ref();
  if (!result) return false;
  const bool sent = switched_ || send_all(result.get());
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  const bool closed = close(result.get());
  if (sent) return closed;
  report_unraisable(result.get());
  PyErr_Restore(type, value, traceback);
  return false;
}

Ref WsgiRequest::start_response(PyObject* status, PyObject* headers, PyObject* exc_info) {
  const bool replaces = PyObject_IsTrue(exc_info) == 1;
  // flask-sock answers once more when it is done with the socket: that response has nowhere to go.
  if (!switched_) {
    if (replaces && sent_) {
      raise_again(exc_info);
      return Ref();
    }
    if (started_ && !replaces) {
      PyErr_SetString(PyExc_AssertionError, "start_response() was called twice, the second time without exc_info");
      return Ref();
    }
    if (!start(status, headers)) return Ref();
  }
  return Ref::steal(PyCFunction_NewEx(&write_method, object_of(this), nullptr));
}

bool WsgiRequest::switch_protocols(PyObject* status, PyObject* headers) {
  switched_ = start(status, headers);
  return switched_;
}

bool WsgiRequest::send(PyObject* data, bool end) {
  if (!PyBytes_Check(data)) {
    Ref name = Ref::steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(data)), "__name__"));
    if (name) PyErr_Format(PyExc_TypeError, "a WSGI application must give bytes, not %U", name.get());
    return false;
  }
  if (!started_) {
    PyErr_SetString(PyExc_AssertionError, "the application gave bytes before it called start_response()");
    return false;
  }
  if (PyBytes_Size(data) == 0 && !end) return true;
  sent_ = true;
  return write(data, end);
}

bool WsgiRequest::send_all(PyObject* result) {
  if (PyObject* only = only_part(result)) {
    Ref part = Ref::borrow(only);
    return send(part.get(), true);
  }
  Ref parts = Ref::steal(PyObject_GetIter(result));
  if (!parts) return false;
  while (Ref part = Ref::steal(PyIter_Next(parts.get()))) {
    if (disconnected_) {
      raise_disconnected();
      return false;
    }
    if (!send(part.get(), false)) return false;
  }
  return PyErr_Occurred() == nullptr && send(names.empty_bytes, true);
}

}  // namespace bimodal::runner
