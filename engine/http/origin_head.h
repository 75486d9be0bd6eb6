// The head of a response that another HTTP/1 server sent us: what parsing yields, and the strict parser.
//
// The counterpart of request_head.h for a server that isn't trusted: a head whose body could be read in two ways is
// refused, so that no server can pass off a part of its body as the next response.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "http/field.h"

namespace bimodal::http {

struct OriginHead {
  int status = 0;
  int minor_version = 1;      // of HTTP/1
  std::vector<Field> fields;  // all, in order, as written; views into the parsed bytes
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
};

struct OriginResult {
  enum class Outcome { NeedMore, Complete, Bad };
  Outcome outcome = Outcome::NeedMore;
  std::size_t size = 0;     // Complete: bytes of the head, with its empty line
  const char* reason = "";  // Bad: one line
};

// Parses the head at the front of `data`, of at most `limit` bytes. `resume` is 0 for a new head and keeps what was
// scanned already between calls over the same, growing bytes.
OriginResult parse_origin_head(std::string_view data, std::size_t limit, std::size_t& resume, OriginHead& head);

}  // namespace bimodal::http
