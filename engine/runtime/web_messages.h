// What a web request and the application say to each other when the container serves it by the client's own path
// (protocol §10.6): ASGI's messages as plain values. `control` translates them to and from the client's protocol.
//
// WebSockets are missing: their messages would be further kinds here, and further frames in WebRequest.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bimodal::runtime {

// To the application.
struct WebInput {
  enum class Kind { Body, Disconnect } kind = Kind::Body;
  std::string body;
  bool more_body = false;
};

// From the application.
struct WebOutput {
  enum class Kind { Start, Body, Trailers } kind = Kind::Body;
  std::uint32_t status = 200;                                // Start
  std::vector<std::pair<std::string, std::string>> headers;  // Start, Trailers
  bool trailers = false;                                     // Start: trailers come after the body
  std::string body;
  bool more = false;  // Body, Trailers: another of the kind follows
};

}  // namespace bimodal::runtime
