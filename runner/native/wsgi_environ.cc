#include "wsgi_environ.h"

#include <functional>
#include <map>
#include <string>

#include "target_text.h"

namespace bimodal::runner {
namespace {

// Names are interned strings: applications look variables up by such, and the dictionary finds them by address.
enum Variable {
  QueryString,
  PathInfo,
  RawUri,
  RemoteAddress,
  RemotePort,
  RequestMethod,
  RequestUri,
  ServerName,
  ServerPort,
  ServerProtocol,
  UrlScheme,
  kVariables
};

constexpr const char* kNames[kVariables] = {"QUERY_STRING", "PATH_INFO",       "RAW_URI",        "REMOTE_ADDR",
                                            "REMOTE_PORT",  "REQUEST_METHOD",  "REQUEST_URI",    "SERVER_NAME",
                                            "SERVER_PORT",  "SERVER_PROTOCOL", "wsgi.url_scheme"};

PyObject* names_of[kVariables];

// WSGI's strings hold bytes, one per character.
Ref latin1(std::string_view bytes) {
  return Ref::steal(PyUnicode_DecodeLatin1(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), nullptr));
}

bool put(PyObject* environ, Variable name, PyObject* value) {
  return value != nullptr && PyDict_SetItem(environ, names_of[name], value) == 0;
}

bool put(PyObject* environ, Variable name, std::string_view value) {
  Ref object = latin1(value);
  return put(environ, name, object.get());
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

// The variable of a header field, kept for the next request.
Ref variable_of(std::string_view field) {
  constexpr std::size_t kMostKept = 256;
  constexpr std::size_t kLongestKept = 64;
  static auto& kept = *new std::map<std::string, PyObject*, std::less<>>;
  const auto found = kept.find(field);
  if (found != kept.end()) return Ref::borrow(found->second);
  const bool keeps = kept.size() < kMostKept && field.size() <= kLongestKept;
  PyObject* name = latin1(variable_name(field)).release();
  if (name != nullptr && keeps) {
    PyUnicode_InternInPlace(&name);
    kept.emplace(field, Ref::borrow(name).release());
  }
  return Ref::steal(name);
}

bool put_field(PyObject* environ, const wire::Header& field) {
  if (field.name.find('_') != field.name.npos) return true;
  Ref value = latin1(field.value);
  Ref key = variable_of(field.name);
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
  return put(environ, ServerName, server.host.empty() ? "localhost" : server.host) &&
         put(environ, ServerPort, std::to_string(port));
}

bool put_client(PyObject* environ, const wire::RequestHead& head) {
  if (head.client_host.empty()) return true;
  return put(environ, RemoteAddress, head.client_host) && put(environ, RemotePort, std::to_string(head.client_port));
}

bool put_target(PyObject* environ, const wire::RequestHead& head) {
  std::string whole;
  std::string_view uri = head.raw_path;
  if (!head.query.empty()) uri = whole.append(head.raw_path).append("?").append(head.query);
  Ref target = latin1(uri);
  return put(environ, RequestMethod, head.method) && put(environ, PathInfo, percent_decoded(head.raw_path)) &&
         put(environ, QueryString, head.query) && put(environ, RawUri, target.get()) &&
         put(environ, RequestUri, target.get());
}

}  // namespace

bool make_variable_names() {
  for (int i = 0; i < kVariables; ++i) {
    names_of[i] = PyUnicode_InternFromString(kNames[i]);
    if (names_of[i] == nullptr) return false;
  }
  return true;
}

Ref make_environ(const wire::RequestHead& head, PyObject* common) {
  Ref environ = Ref::steal(PyDict_Copy(common));
  PyObject* dict = environ.get();
  bool good = environ && put_target(dict, head) && put_server(dict, head) && put_client(dict, head) &&
              put(dict, ServerProtocol,
                  head.http_version == 20   ? "HTTP/2.0"
                  : head.http_version == 10 ? "HTTP/1.0"
                                            : "HTTP/1.1") &&
              put(dict, UrlScheme, head.https ? "https" : "http");
  for (const wire::Header& field : head.headers) good = good && put_field(dict, field);
  return good ? std::move(environ) : Ref();
}

}  // namespace bimodal::runner
