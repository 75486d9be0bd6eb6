// From the frames of a request to the bytes that an HTTP/1.1 server reads. Pure.
#pragma once

#include <string>
#include <string_view>

namespace bimodal::gateway {

struct OriginRequest {
  bool is_head = false;
  bool may_switch = false;      // asks to leave HTTP
  bool is_idempotent = false;   // RFC 9110 §9.2.2, and without a body: may be sent again
  bool takes_trailers = false;  // of the response
  bool chunked = false;         // how the rest of the body goes out
  bool ended = false;           // nothing more of it comes
};

// Appends the request that `frames` (a Request frame, maybe Body frames) hold to `out`. X-Forwarded-For and
// X-Forwarded-Proto say what the gateway knows; what the caller said of them is dropped.
OriginRequest write_origin_request(std::string_view frames, std::string& out);

// Appends a piece of body, and the body's end after the last.
void write_origin_body(std::string_view bytes, bool last, bool chunked, std::string& out);

}  // namespace bimodal::gateway
