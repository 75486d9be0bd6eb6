#include "names.h"

namespace bimodal::runner {

Names names;

bool make_names() {
  const std::pair<PyObject**, const char*> texts[] = {
#define X(name) {&names.name##_, #name},
      BIMODAL_NAMES(X)
#undef X
          {&names.throw_, "throw"},
      {&names.http_request, "http.request"},
      {&names.http_disconnect, "http.disconnect"},
      {&names.response_start, "http.response.start"},
      {&names.response_body, "http.response.body"},
      {&names.response_trailers, "http.response.trailers"},
      {&names.response_pathsend, "http.response.pathsend"},
      {&names.websocket_connect, "websocket.connect"},
      {&names.websocket_receive, "websocket.receive"},
      {&names.websocket_disconnect, "websocket.disconnect"},
      {&names.websocket_accept, "websocket.accept"},
      {&names.websocket_send, "websocket.send"},
      {&names.websocket_close, "websocket.close"},
      {&names.websocket_response_start, "websocket.http.response.start"},
      {&names.websocket_response_body, "websocket.http.response.body"},
      {&names.version_10, "1.0"},
      {&names.version_11, "1.1"},
      {&names.version_20, "2"},
      {&names.empty_text, ""},
  };
  for (auto [slot, text] : texts) {
    *slot = PyUnicode_InternFromString(text);
    if (*slot == nullptr) return false;
  }
  names.empty_bytes = PyBytes_FromStringAndSize(nullptr, 0);
  names.zero = PyLong_FromLong(0);
  names.sleep = import_attribute("asyncio", "sleep").release();
  return names.empty_bytes != nullptr && names.zero != nullptr && names.sleep != nullptr;
}

}  // namespace bimodal::runner
