#include "response_head.h"

#include <strings.h>

#include <charconv>

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

bool is_content_length(std::string_view name) {
  constexpr std::string_view kName = "content-length";
  return name.size() == kName.size() && ::strncasecmp(name.data(), kName.data(), kName.size()) == 0;
}

// Nothing when it isn't one.
std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
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
  if (iterable == nullptr || iterable == Py_None) return true;
  keep = is_list_of_tuples(iterable) ? Ref::borrow(iterable) : as_list_of_tuples(iterable);
  if (!keep) return false;
  for (Py_ssize_t i = 0; i < PyList_Size(keep.get()); ++i) {
    if (!collect_pair(PyList_GetItem(keep.get(), i), headers)) return false;
  }
  return true;
}

// Sets `part` to the bytes of a text that holds one per character; `keep` owns them.
bool latin1_part(PyObject* text, std::string_view& part, std::vector<Ref>& keep) {
  if (!PyUnicode_Check(text)) {
    PyErr_SetString(PyExc_TypeError, "names and values of response headers must be str");
    return false;
  }
  Ref bytes = Ref::steal(PyUnicode_AsLatin1String(text));
  if (!bytes || !header_part(bytes.get(), part)) return false;
  keep.push_back(std::move(bytes));
  return true;
}

// "404 Not Found"
bool wsgi_status(PyObject* text, std::uint16_t& status) {
  std::vector<Ref> keep;
  std::string_view line;
  if (!latin1_part(text, line, keep)) return false;
  const auto digit = [&](std::size_t i) { return i < line.size() && line[i] >= '0' && line[i] <= '9'; };
  const bool ends = line.size() == 3 || (line.size() > 3 && line[3] == ' ');
  if (digit(0) && line[0] != '0' && digit(1) && digit(2) && ends) {
    status = static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
    return true;
  }
  PyErr_Format(PyExc_ValueError, "start_response() needs a status like \"200 OK\", not %R", text);
  return false;
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

bool encode_wsgi_start(PyObject* status, PyObject* headers, std::string& out, std::optional<std::uint64_t>& length) {
  wire::ResponseHead head;
  std::vector<Ref> keep;  // the bytes that `head` has views into
  if (!wsgi_status(status, head.status)) return false;
  for (Py_ssize_t i = 0; i < PyList_Size(headers); ++i) {
    wire::Header header;
    Ref pair = Ref::borrow(PyList_GetItem(headers, i));
    if (!PyTuple_Check(pair.get()) || PyTuple_Size(pair.get()) != 2) {
      PyErr_SetString(PyExc_TypeError, "a response header must be a tuple of name and value");
      return false;
    }
    if (!latin1_part(PyTuple_GetItem(pair.get(), 0), header.name, keep) ||
        !latin1_part(PyTuple_GetItem(pair.get(), 1), header.value, keep)) {
      return false;
    }
    if (is_content_length(header.name)) length = number_of(header.value);
    head.headers.push_back(header);
  }
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

bool encode_accept(PyObject* message, std::string& out) {
  static wire::AcceptHead head;
  Ref keep;
  if (!collect(item(message, names.headers_), head.headers, keep)) return false;
  head.subprotocol = {};
  PyObject* subprotocol = item(message, names.subprotocol_);
  if (subprotocol != nullptr && subprotocol != Py_None) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(subprotocol, &size);
    if (text == nullptr) return false;
    head.subprotocol = {text, static_cast<std::size_t>(size)};
  }
  if (PyErr_Occurred() != nullptr) return false;
  if (wire::encode(head, out)) return true;
  PyErr_SetString(PyExc_ValueError, kTooLarge);
  return false;
}

}  // namespace bimodal::runner
