// What is asked and how an answer is recognised and verified; the same for every connection of one run.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace load {

// Something that voids the run: a wrong body, a status that isn't 2xx, a connection that ended.
struct Void : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Protocol {
 public:
  virtual ~Protocol() = default;

  // Sent once on a new connection before the first question; empty: nothing. The answer ends with an empty line.
  virtual std::string greeting() const { return {}; }
  // Throws Void when the answer to greeting() isn't what it must be.
  virtual void check_greeting(std::string_view) const {}

  virtual const std::string& question() const = 0;

  // How many bytes of `in` the first answer takes, 0 while it isn't whole. Throws Void when it is a wrong one.
  virtual std::size_t answer(std::string_view in) = 0;
};

struct HttpOptions {
  std::string host, path = "/", method = "GET";
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
  std::optional<std::string> expected;  // the answer's body; nullopt: that of the first answer
};
std::unique_ptr<Protocol> http(HttpOptions options);

struct WebSocketOptions {
  std::string host, path = "/";
  std::vector<std::string> headers;
  std::size_t bytes = 20;  // of each message, which the server must send back
  bool deflate = false;    // offers permessage-deflate without context takeover, and insists on it
};
std::unique_ptr<Protocol> websocket_echo(WebSocketOptions options);

}  // namespace load
