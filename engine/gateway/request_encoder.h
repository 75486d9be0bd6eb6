// From an HTTP request head to the frame that opens its stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/request_id.h"
#include "http/request_head.h"
#include "wire/head.h"

namespace bimodal::gateway {

// What the runner is told besides the head itself.
struct RequestFacts {
  wire::RequestKind kind = wire::RequestKind::Http;
  std::string_view request_id;
  std::string_view web_method;
  std::string_view client_host;
  std::uint16_t client_port = 0;
  std::string_view server_host;
  std::uint16_t server_port = 0;
  bool https = false;
  bool is_forwarded = false;  // by a trusted proxy, which may say for whom
};

// 10, 11, 20: as frames say it.
std::uint8_t version_of(const http::RequestHead& head);

// Appends a Request frame without body to `out`: room for its header, then the head. Left out are fields that concern
// the connection, what the gateway dealt with itself (Expect), credentials meant for it, X-Forwarded-For, and of
// whom nobody vouches for its kin, which anybody could have written. `scratch` is kept for its memory. Returns the size
// of the encoded head, 0 when it doesn't fit a frame.
std::size_t begin_request_frame(
    const http::RequestHead& head, const RequestFacts& facts, wire::RequestHead& scratch, std::string& out);

// Completes the header of the Request frame at the front of `frame`, all of which is its head and body.
void seal_request_frame(std::string& frame, std::size_t head_size, bool is_whole);

}  // namespace bimodal::gateway
