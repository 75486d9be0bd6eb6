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

// Appends a view of one pair.
bool collect_pair(PyObject* tuple, wire::Headers& headers) {
  if (PyTuple_Size(tuple) != 2) {
    PyErr_SetString(PyExc_ValueError, "a response header must be a pair of name and value");
    return false;
  }
  wire::Header header;
  if (!header_part(PyTuple_GetItem(tuple, 0), header.name) || !header_part(PyTuple_GetItem(tuple, 1), header.value)) {
    return false;
  }
  headers.push_back(header);
  return true;
}

// True when `object` is a list of tuples, as frameworks make it. Such can be read in place: no code runs on the way
// that could change it.
bool is_list_of_tuples(PyObject* object) {
  if (!PyList_Check(object)) return false;
  for (Py_ssize_t i = 0; i < PyList_Size(object); ++i) {
    if (!PyTuple_Check(PyList_GetItem(object, i))) return false;
  }
  return true;
}

// `iterable` of iterables as a list of tuples; null with a Python error set.
Ref as_list_of_tuples(PyObject* iterable) {
  Ref list = Ref::steal(PySequence_List(iterable));
  for (Py_ssize_t i = 0; list && i < PyList_Size(list.get()); ++i) {
    PyObject* tuple = PySequence_Tuple(PyList_GetItem(list.get(), i));
    if (tuple == nullptr || PyList_SetItem(list.get(), i, tuple) != 0) return Ref();
  }
  return list;
}

// Fills `headers` with views into the application's bytes objects. `keep` owns what had to be made on the way.
bool collect(PyObject* iterable, wire::Headers& headers, Ref& keep) {
  headers.clear();
  if (iterable == nullptr) return true;
  keep = is_list_of_tuples(iterable) ? Ref::borrow(iterable) : as_list_of_tuples(iterable);
  if (!keep) return false;
  for (Py_ssize_t i = 0; i < PyList_Size(keep.get()); ++i) {
    if (!collect_pair(PyList_GetItem(keep.get(), i), headers)) return false;
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
  Ref keep;
  if (!collect(item(message, names.headers_), head.headers, keep)) return false;
  head.status = static_cast<std::uint16_t>(value);
  head.trailers = trailers;
  if (wire::encode(head, out)) return true;
  PyErr_SetString(PyExc_ValueError, kTooLarge);
  return false;
}

bool encode_trailers(PyObject* message, std::string& out) {
  static wire::Headers headers;
  Ref keep;
  if (!collect(item(message, names.headers_), headers, keep)) return false;
  if (wire::encode(headers, out)) return true;
  PyErr_SetString(PyExc_ValueError, kTooLarge);
  return false;
}

}  // namespace bimodal::runner
