// The opening handshake of a WebSocket over HTTP/1.1 (RFC 6455 §4.2). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message_deflate.h"
#include "http/request_head.h"

namespace bimodal::http {

inline constexpr std::string_view kWebSocketVersion = "13";

struct WebSocketHandshake {
  std::string accept;  // the value of Sec-WebSocket-Accept
  std::optional<DeflateTerms> deflate;

  // Why it must be refused: 400, or 426 for another version, whose answer names ours. 0: it needn't.
  int status = 0;
  const char* reason = "";
};

// What the head of a request that wants a WebSocket (RequestHead::wants_websocket) offers.
WebSocketHandshake read_websocket_handshake(const RequestHead& head);

}  // namespace bimodal::http
