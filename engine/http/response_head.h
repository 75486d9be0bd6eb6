// The head of an HTTP/1 response: how its body is delimited (RFC 9112 §6), and the bytes. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/field.h"

namespace bimodal::http {

struct ResponseHead {
  int status = 200;
  std::span<const Field> fields;                // as the application wants them; hop-by-hop ones are dropped
  std::span<const Field> extra;                 // written behind them, unchecked
  std::optional<std::uint64_t> body_size = {};  // known when the whole body is at hand
};

// What the request says about its response.
struct ResponseContext {
  int minor_version = 1;
  bool is_head = false;  // HEAD: a response without its body
  bool keep_alive = true;
  std::string_view date = {};  // written unless the application sends a Date
};

// How the body goes out.
struct Framing {
  enum class Kind { None, Length, Chunked, UntilClose };
  Kind kind = Kind::None;
  std::uint64_t length = 0;  // Length
  bool keep_alive = true;    // whether the connection can serve another request after this response
};

// Appends the head to `out`. Nothing, with `out` as before, when the application's status or fields can't be sent: a
// status outside 200…599, a character that would end a line, Content-Length that is no number or given twice.
std::optional<Framing> write_response_head(const ResponseHead& head, const ResponseContext& context, std::string& out);

// Appends the head of a response with status 101 that switches to `protocol`, which the application's `fields` don't
// name again; hop-by-hop ones are dropped. False, with `out` as before, when a field can't be sent.
bool write_switching_head(
    std::string_view protocol, std::span<const Field> fields, std::span<const Field> extra, std::string_view date,
    std::string& out);

// "Not Found"; empty for a status without a registered phrase.
std::string_view reason_phrase(int status);

}  // namespace bimodal::http
