// What a Request keeps only when it is a WebSocket: where the ASGI conversation stands, and the caller's messages.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "py.h"
#include "wire/frame.h"

namespace bimodal::runner {

struct WebSocket {
  enum class Phase { Connecting, Accepted, Closed };

  struct Message {
    Ref data;  // str or bytes
    std::size_t cost = 0;
  };

  Phase phase = Phase::Connecting;
  bool connect_taken = false;  // the application took websocket.connect

  // Whole messages that the application hasn't taken, bounded by the credit that we gave.
  std::deque<Message> incoming;
  // The front of a message of which more comes; the gateway bounds its size.
  std::string partial;

  // Set when either side has closed: what websocket.disconnect will say.
  bool over = false;
  std::uint32_t code = 0;
  std::string reason;

  void end(std::uint32_t close_code, std::string_view close_reason) {
    if (over) return;
    over = true;
    code = close_code;
    reason = close_reason;
  }
};

}  // namespace bimodal::runner
