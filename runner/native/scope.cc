#include "scope.h"

#include <string>

#include "headers.h"
#include "names.h"
#include "target_text.h"

namespace bimodal::runner {
namespace {

PyObject* http_template = nullptr;  // a scope with what is the same in all
PyObject* extensions_template = nullptr;
PyObject* websocket_template = nullptr;
PyObject* websocket_extensions_template = nullptr;

bool set(PyObject* dict, PyObject* key, Ref value) {
  return value && PyDict_SetItem(dict, key, value.get()) == 0;
}

Ref text(std::string_view utf8) {
  return Ref::steal(PyUnicode_DecodeUTF8(utf8.data(), static_cast<Py_ssize_t>(utf8.size()), "replace"));
}

Ref decoded_path(std::string_view raw) {
  return raw.find('%') == raw.npos ? text(raw) : text(percent_decoded(raw));
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

// (host, port) as ASGI wants it; None without a host.
Ref address(std::string_view host, unsigned port) {
  if (host.empty()) return Ref::borrow(Py_None);
  Ref pair = Ref::steal(PyTuple_New(2));
  Ref name = text(host), number = Ref::steal(PyLong_FromUnsignedLong(port));
  if (!pair || !name || !number) return Ref();
  PyTuple_SetItem(pair.get(), 0, name.release());
  PyTuple_SetItem(pair.get(), 1, number.release());
  return pair;
}

// What a Host header says, with `default_port` when it names none.
Ref parse_host(std::string_view value, unsigned default_port) {
  const HostPort said = split_host(value);
  return address(said.host, said.port == 0 ? default_port : said.port);
}

// The last answer is kept: nearly all requests of a container name the same host.
Ref address_from_host_header(const wire::RequestHead& head) {
  static std::string last_host;
  static bool last_https = false;
  static PyObject* last = nullptr;
  for (const wire::Header& header : head.headers) {
    if (header.name != "host") continue;
    if (last == nullptr || last_https != head.https || last_host != header.value) {
      Py_XDECREF(last);
      last = parse_host(header.value, head.https ? 443 : 80).release();
      last_https = head.https;
      last_host = header.value;
    }
    return Ref::borrow(last);
  }
  return Ref::borrow(Py_None);
}

Ref server_address(const wire::RequestHead& head) {
  if (head.server_host.empty()) return address_from_host_header(head);
  return address(head.server_host, head.server_port);
}

Ref asgi_versions(const char* spec_version) {
  return Ref::steal(Py_BuildValue("{ssss}", "version", "3.0", "spec_version", spec_version));
}

bool make_websocket_template() {
  websocket_extensions_template = Py_BuildValue("{s{}}", "websocket.http.response");
  websocket_template = PyDict_Copy(http_template);
  return websocket_extensions_template != nullptr && websocket_template != nullptr &&
         PyDict_DelItem(websocket_template, names.method_) == 0 &&
         set(websocket_template, names.type_, Ref::borrow(names.websocket_)) &&
         set(websocket_template, names.asgi_, asgi_versions("2.4")) &&
         set(websocket_template, names.subprotocols_, Ref::borrow(Py_None));
}

Ref subprotocols(const wire::RequestHead& head) {
  Ref list = Ref::steal(PyList_New(0));
  for (std::string_view name : wire::offered_subprotocols(head.headers)) {
    Ref item = text(name);
    if (!list || !item || PyList_Append(list.get(), item.get()) != 0) return Ref();
  }
  return list;
}

PyObject* scheme_of(const wire::RequestHead& head) {
  if (head.kind == wire::RequestKind::WebSocket) return head.https ? names.wss_ : names.ws_;
  return head.https ? names.https_ : names.http_;
}

// What only one of the two kinds has.
bool set_by_kind(PyObject* scope, const wire::RequestHead& head) {
  if (head.kind == wire::RequestKind::Http) {
    return set(scope, names.method_, method_name(head.method)) &&
           set(scope, names.extensions_, Ref::steal(PyDict_Copy(extensions_template)));
  }
  return set(scope, names.subprotocols_, subprotocols(head)) &&
         set(scope, names.extensions_, Ref::steal(PyDict_Copy(websocket_extensions_template)));
}

// 2.3 as uvicorn says: with 2.4 Starlette no longer listens for the disconnect while it streams, and a stream whose
// next event is far away would keep its slot until then.
bool make_http_template() {
  Ref asgi = asgi_versions("2.3");
  extensions_template = Py_BuildValue("{s{}s{}}", "http.response.trailers", "http.response.pathsend");
  http_template = PyDict_New();
  if (!asgi || extensions_template == nullptr || http_template == nullptr) return false;
  // With every key: copying such a dictionary and then replacing values is cheaper than letting one grow.
  for (PyObject* key :
       {names.type_, names.asgi_, names.http_version_, names.method_, names.scheme_, names.path_, names.raw_path_,
        names.query_string_, names.root_path_, names.headers_, names.client_, names.server_, names.extensions_,
        names.state_}) {
    if (PyDict_SetItem(http_template, key, Py_None) != 0) return false;
  }
  return set(http_template, names.type_, Ref::borrow(names.http_)) &&
         set(http_template, names.asgi_, std::move(asgi)) &&
         set(http_template, names.root_path_, Ref::borrow(names.empty_text));
}

}  // namespace

bool make_scope_templates() {
  return make_http_template() && make_websocket_template();
}

Ref make_scope(const wire::RequestHead& head, PyObject* state) {
  const bool is_http = head.kind == wire::RequestKind::Http;
  Ref dict = Ref::steal(PyDict_Copy(is_http ? http_template : websocket_template));
  if (!dict) return dict;
  PyObject* scope = dict.get();
  // Middleware may add to extensions and state: both are the request's own.
  const bool good = set(scope, names.http_version_, Ref::borrow(version_name(head.http_version))) &&
                    set(scope, names.scheme_, Ref::borrow(scheme_of(head))) && set_by_kind(scope, head) &&
                    set(scope, names.path_, decoded_path(head.raw_path)) &&
                    set(scope, names.raw_path_, Ref::steal(bytes_from(head.raw_path))) &&
                    set(scope, names.query_string_, Ref::steal(bytes_from(head.query))) &&
                    set(scope, names.headers_, header_list(head.headers)) &&
                    set(scope, names.client_, address(head.client_host, head.client_port)) &&
                    set(scope, names.server_, server_address(head)) &&
                    set(scope, names.state_, Ref::steal(PyDict_Copy(state)));
  return good ? std::move(dict) : Ref();
}

}  // namespace bimodal::runner
