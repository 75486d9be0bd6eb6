#include "wsgi_environ.h"

#include <string>

#include "target_text.h"

namespace bimodal::runner {
namespace {

// WSGI's strings hold bytes, one per character.
Ref latin1(std::string_view bytes) {
  return Ref::steal(PyUnicode_DecodeLatin1(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), nullptr));
}

bool put(PyObject* environ, const char* name, std::string_view value) {
  Ref object = latin1(value);
  return object && PyDict_SetItemString(environ, name, object.get()) == 0;
}

// "HTTP_ACCEPT_LANGUAGE"; the two that CGI names otherwise come without the prefix.
std::string variable_name(std::string_view field) {
  std::string name = field == "content-type" || field == "content-length" ? "" : "HTTP_";
  for (char c : field) {
    const bool letter = c >= 'a' && c <= 'z';
    name += c == '-' ? '_' : letter ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

bool put_field(PyObject* environ, const wire::Header& field) {
  if (field.name.find('_') != field.name.npos) return true;
  const std::string name = variable_name(field.name);
  Ref value = latin1(field.value);
  Ref key = latin1(name);
  if (!value || !key) return false;
  if (PyObject* earlier = PyDict_GetItemWithError(environ, key.get())) {
    const char* joined = field.name == "cookie" ? "%U; %U" : "%U,%U";
    value = Ref::steal(PyUnicode_FromFormat(joined, earlier, value.get()));
  }
  return value && PyDict_SetItem(environ, key.get(), value.get()) == 0;
}

bool put_server(PyObject* environ, const wire::RequestHead& head) {
  HostPort server{head.server_host, head.server_port};
  for (const wire::Header& field : head.headers) {
    if (server.host.empty() && field.name == "host") server = split_host(field.value);
  }
  const unsigned port = server.port != 0 ? server.port : head.https ? 443 : 80;
  return put(environ, "SERVER_NAME", server.host.empty() ? "localhost" : server.host) &&
         put(environ, "SERVER_PORT", std::to_string(port));
}

bool put_client(PyObject* environ, const wire::RequestHead& head) {
  if (head.client_host.empty()) return true;
  return put(environ, "REMOTE_ADDR", head.client_host) && put(environ, "REMOTE_PORT", std::to_string(head.client_port));
}

bool put_target(PyObject* environ, const wire::RequestHead& head) {
  std::string uri(head.raw_path);
  if (!head.query.empty()) uri.append("?").append(head.query);
  return put(environ, "REQUEST_METHOD", head.method) && put(environ, "SCRIPT_NAME", "") &&
         put(environ, "PATH_INFO", percent_decoded(head.raw_path)) && put(environ, "QUERY_STRING", head.query) &&
         put(environ, "RAW_URI", uri) && put(environ, "REQUEST_URI", uri);
}

}  // namespace

Ref make_environ(const wire::RequestHead& head) {
  Ref environ = Ref::steal(PyDict_New());
  PyObject* dict = environ.get();
  bool good = environ && put_target(dict, head) && put_server(dict, head) && put_client(dict, head) &&
              put(dict, "SERVER_PROTOCOL",
                  head.http_version == 20   ? "HTTP/2.0"
                  : head.http_version == 10 ? "HTTP/1.0"
                                            : "HTTP/1.1") &&
              put(dict, "wsgi.url_scheme", head.https ? "https" : "http");
  for (const wire::Header& field : head.headers) good = good && put_field(dict, field);
  return good ? std::move(environ) : Ref();
}

}  // namespace bimodal::runner
