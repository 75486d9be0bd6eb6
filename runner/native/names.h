// Interned strings and other constants that every request uses, made once when the module is imported.
#pragma once

#include "py.h"

namespace bimodal::runner {

// clang-format off
#define BIMODAL_NAMES(X) \
  X(type) X(asgi) X(http_version) X(method) X(scheme) X(path) X(raw_path) X(query_string) X(root_path) \
  X(headers) X(client) X(server) X(state) X(extensions) X(body) X(more_body) X(status) X(trailers) \
  X(more_trailers) X(http) X(https) X(set) X(run) X(close) X(cancel) X(call_soon) X(call_soon_threadsafe) X(create_future) \
  X(create_task) X(add_reader) X(add_writer) X(remove_reader) X(remove_writer) X(set_result) X(done) X(name) \
  X(text) X(bytes) X(code) X(reason) \
  X(subprotocol) X(subprotocols) X(websocket) X(ws) X(wss) X(get_task_factory) X(_asyncio_future_blocking) X(__await__)
// clang-format on

struct Names {
#define X(name) PyObject* name##_ = nullptr;
  BIMODAL_NAMES(X)
#undef X
  PyObject* throw_ = nullptr;
  PyObject* http_request = nullptr;
  PyObject* http_disconnect = nullptr;
  PyObject* response_start = nullptr;
  PyObject* response_body = nullptr;
  PyObject* response_trailers = nullptr;
  PyObject* response_pathsend = nullptr;
  PyObject* websocket_connect = nullptr;
  PyObject* websocket_receive = nullptr;
  PyObject* websocket_disconnect = nullptr;
  PyObject* websocket_accept = nullptr;
  PyObject* websocket_send = nullptr;
  PyObject* websocket_close = nullptr;
  PyObject* websocket_response_start = nullptr;
  PyObject* websocket_response_body = nullptr;
  PyObject* version_10 = nullptr;
  PyObject* version_11 = nullptr;
  PyObject* version_20 = nullptr;
  PyObject* empty_bytes = nullptr;
  PyObject* empty_text = nullptr;
  PyObject* sleep = nullptr;  // asyncio.sleep
  PyObject* zero = nullptr;
};

extern Names names;

// False with a Python error set when there is no memory.
bool make_names();

// True when `text` is the interned `name` or equal to it.
inline bool is_name(PyObject* text, PyObject* name) {
  if (text == name) return true;
  return PyUnicode_Check(text) && PyUnicode_Compare(text, name) == 0;
}

}  // namespace bimodal::runner
