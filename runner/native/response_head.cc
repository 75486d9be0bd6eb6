#include "response_head.h"

#include "names.h"
#include "wire/head.h"

namespace bimodal::runner {
namespace {

constexpr const char* kTooLarge = "the response's headers are too large";

bool header_part(PyObject* object, std::string_view& part) {
  char* data;
  Py_ssize_t size;
  // Raises a TypeError that says "expected bytes, str found" or the like.
  if (PyBytes_AsStringAndSize(object, &data, &size) != 0) return false;
  part = {data, static_cast<std::size_t>(size)};
  return true;
}

// Fills `headers` with views into the application's bytes objects. `keep` owns whatever was made on the way.
bool collect(PyObject* iterable, wire::Headers& headers, std::vector<Ref>& keep) {
  headers.clear();
  if (iterable == nullptr) return true;
  keep.push_back(Ref::steal(PySequence_Tuple(iterable)));
  PyObject* pairs = keep.back().get();
  if (pairs == nullptr) return false;
  const Py_ssize_t count = PyTuple_Size(pairs);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* pair = PyTuple_GetItem(pairs, i);
    if (!PyTuple_Check(pair)) {
      keep.push_back(Ref::steal(PySequence_Tuple(pair)));
      pair = keep.back().get();
      if (pair == nullptr) return false;
    }
    if (PyTuple_Size(pair) != 2) {
      PyErr_SetString(PyExc_ValueError, "a response header must be a pair of name and value");
      return false;
    }
    wire::Header header;
    if (!header_part(PyTuple_GetItem(pair, 0), header.name) || !header_part(PyTuple_GetItem(pair, 1), header.value)) {
      return false;
    }
    headers.push_back(header);
  }
  return true;
}

// The item of that name; null without an error when there is none.
PyObject* item(PyObject* message, PyObject* name) {
  return PyDict_GetItemWithError(message, name);
}

}  // namespace

bool encode_response_start(PyObject* message, std::string& out, bool& trailers) {
  static wire::ResponseHead head;  // reused for its memory; only the loop's thread comes here
  PyObject* status = item(message, names.status_);
  const long value = status != nullptr ? PyLong_AsLong(status) : -1;
  if (value == -1 && PyErr_Occurred() != nullptr) return false;
  if (value < 100 || value > 999) {
    PyErr_SetString(PyExc_ValueError, "http.response.start needs a status between 100 and 999");
    return false;
  }
  PyObject* announced = item(message, names.trailers_);
  trailers = announced != nullptr && PyObject_IsTrue(announced) == 1;
  std::vector<Ref> keep;
  if (!collect(item(message, names.headers_), head.headers, keep)) return false;
  head.status = static_cast<std::uint16_t>(value);
  head.trailers = trailers;
  if (wire::encode(head, out)) return true;
  PyErr_SetString(PyExc_ValueError, kTooLarge);
  return false;
}

bool encode_trailers(PyObject* message, std::string& out) {
  static wire::Headers headers;
  std::vector<Ref> keep;
  if (!collect(item(message, names.headers_), headers, keep)) return false;
  if (wire::encode(headers, out)) return true;
  PyErr_SetString(PyExc_ValueError, kTooLarge);
  return false;
}

}  // namespace bimodal::runner
