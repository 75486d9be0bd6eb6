// What a web request and the application say to each other when the container serves it by the client's own path
// (protocol §10.6): ASGI's messages as plain values. `control` translates them to and from the client's protocol.
// An application's refusal of a WebSocket by a response of its own is missing: the client has no message for it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bimodal::runtime {

// To the application.
struct WebInput {
  // The last four are a WebSocket's.
  enum class Kind { Body, Disconnect, Connect, Text, Binary, Closed } kind = Kind::Body;
  std::string body;        // Body; Text, Binary: a whole message
  bool more_body = false;  // Body
  std::uint32_t code = 0;  // Closed
};

// From the application.
struct WebOutput {
  // The last four are a WebSocket's.
  enum class Kind { Start, Body, Trailers, Accept, Text, Binary, Close } kind = Kind::Body;
  std::uint32_t status = 200;                                // Start; Close: its code
  std::vector<std::pair<std::string, std::string>> headers;  // Start, Trailers, Accept
  bool trailers = false;                                     // Start: trailers come after the body
  std::string body;   // Body; Text, Binary: a whole message; Accept: the subprotocol; Close: the reason
  bool more = false;  // Body, Trailers: another of the kind follows
};

}  // namespace bimodal::runtime
