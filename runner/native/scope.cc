#include "scope.h"

#include <string>

#include "header_names.h"
#include "names.h"

namespace bimodal::runner {
namespace {

PyObject* http_template = nullptr;  // what is the same in every scope

bool set(PyObject* dict, PyObject* key, Ref value) {
  return value && PyDict_SetItem(dict, key, value.get()) == 0;
}

Ref text(std::string_view utf8) {
  return Ref::steal(PyUnicode_DecodeUTF8(utf8.data(), static_cast<Py_ssize_t>(utf8.size()), "replace"));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Percent-decoded; an escape that is none stays as it is.
Ref decoded_path(std::string_view raw) {
  if (raw.find('%') == raw.npos) return text(raw);
  std::string decoded;
  decoded.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escape = raw[i] == '%' && i + 2 < raw.size() && hex_digit(raw[i + 1]) >= 0 && hex_digit(raw[i + 2]) >= 0;
    decoded += escape ? static_cast<char>(hex_digit(raw[i + 1]) * 16 + hex_digit(raw[i + 2])) : raw[i];
    if (escape) i += 2;
  }
  return text(decoded);
}

Ref method_name(std::string_view method) {
  static PyObject* const get = PyUnicode_InternFromString("GET");
  static PyObject* const post = PyUnicode_InternFromString("POST");
  if (method == "GET") return Ref::borrow(get);
  if (method == "POST") return Ref::borrow(post);
  return text(method);
}

PyObject* version_name(std::uint8_t version) {
  if (version == 20) return names.version_20;
  return version == 10 ? names.version_10 : names.version_11;
}

Ref address(std::string_view host, unsigned port) {
  if (host.empty()) return Ref::borrow(Py_None);
  return Ref::steal(Py_BuildValue("(s#I)", host.data(), static_cast<Py_ssize_t>(host.size()), port));
}

// The address in the Host header, with the scheme's own port when it names none.
Ref address_from_host_header(const wire::RequestHead& head) {
  unsigned port = head.https ? 443 : 80;
  for (const wire::Header& header : head.headers) {
    if (header.name != "host") continue;
    std::string_view host = header.value;
    const std::size_t colon = host.rfind(':');
    // A colon inside brackets belongs to an IPv6 address.
    if (colon != host.npos && host.find(']', colon) == host.npos) {
      unsigned value = 0;
      for (char c : host.substr(colon + 1))
        value = c >= '0' && c <= '9' && value < 65536 ? value * 10 + (c - '0') : 65536;
      if (value > 0 && value < 65536) port = value;
      host = host.substr(0, colon);
    }
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    // Bytes beyond ASCII are no host name; the application finds them in the header itself.
    for (char c : host) {
      if (static_cast<unsigned char>(c) >= 0x80) return Ref::borrow(Py_None);
    }
    return address(host, port);
  }
  return Ref::borrow(Py_None);
}

Ref server_address(const wire::RequestHead& head) {
  if (head.server_host.empty()) return address_from_host_header(head);
  return address(head.server_host, head.server_port);
}

Ref header_list(const wire::Headers& headers) {
  Ref list = Ref::steal(PyList_New(static_cast<Py_ssize_t>(headers.size())));
  if (!list) return list;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    Ref pair = Ref::steal(PyTuple_New(2));
    Ref name = header_name(headers[i].name);
    Ref value = Ref::steal(bytes_from(headers[i].value));
    if (!pair || !name || !value) return Ref();
    PyTuple_SetItem(pair.get(), 0, name.release());
    PyTuple_SetItem(pair.get(), 1, value.release());
    PyList_SetItem(list.get(), static_cast<Py_ssize_t>(i), pair.release());
  }
  return list;
}

// Fresh in every scope: middleware may add to it.
Ref extensions() {
  return Ref::steal(Py_BuildValue("{s{}}", "http.response.trailers"));
}

}  // namespace

bool make_scope_templates() {
  Ref asgi = Ref::steal(Py_BuildValue("{ssss}", "version", "3.0", "spec_version", "2.4"));
  Ref dict = Ref::steal(PyDict_New());
  if (!asgi || !dict) return false;
  const bool good = set(dict.get(), names.type_, Ref::borrow(names.http_)) &&
                    set(dict.get(), names.asgi_, std::move(asgi)) &&
                    set(dict.get(), names.root_path_, Ref::borrow(names.empty_text));
  http_template = dict.release();
  return good;
}

Ref make_scope(const wire::RequestHead& head, PyObject* state) {
  Ref dict = Ref::steal(PyDict_Copy(http_template));
  if (!dict) return dict;
  PyObject* scope = dict.get();
  const bool good = set(scope, names.http_version_, Ref::borrow(version_name(head.http_version))) &&
                    set(scope, names.method_, method_name(head.method)) &&
                    set(scope, names.scheme_, Ref::borrow(head.https ? names.https_ : names.http_)) &&
                    set(scope, names.path_, decoded_path(head.raw_path)) &&
                    set(scope, names.raw_path_, Ref::steal(bytes_from(head.raw_path))) &&
                    set(scope, names.query_string_, Ref::steal(bytes_from(head.query))) &&
                    set(scope, names.headers_, header_list(head.headers)) &&
                    set(scope, names.client_, address(head.client_host, head.client_port)) &&
                    set(scope, names.server_, server_address(head)) && set(scope, names.extensions_, extensions()) &&
                    set(scope, names.state_, Ref::steal(PyDict_Copy(state)));
  return good ? std::move(dict) : Ref();
}

}  // namespace bimodal::runner
