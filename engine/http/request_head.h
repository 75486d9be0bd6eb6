// The head of an HTTP/1 request: what parsing yields, and the strict parser.
//
// Everything here is a view into the parsed bytes. A head that two implementations could read in two ways is refused,
// because that is how requests are smuggled past a proxy: which rules, says docs/decisions/0001-http-parser.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "http/field.h"

namespace bimodal::http {

struct RequestHead {
  std::string_view method;
  std::string_view path;      // as received, percent-encoded; "*" for OPTIONS *
  std::string_view query;     // behind the first '?', without it
  std::string_view host;      // of the target if absolute, else of Host; with its port, as written; may be empty
  std::vector<Field> fields;  // all, in order, names in lower case; Host says the same as `host`
  std::vector<std::string_view> connection_options;  // elements of Connection, as written
  std::optional<std::uint64_t> content_length;
  int major_version = 1;  // 1 or 2
  int minor_version = 1;  // of HTTP/1; 1 in HTTP/2, too
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool wants_websocket = false;

  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
  void clear();
};

struct HeadResult {
  enum class Outcome { NeedMore, Complete, Bad };
  Outcome outcome = Outcome::NeedMore;
  std::size_t size = 0;     // Complete: bytes of the head, with its empty line
  int status = 0;           // Bad: what to answer before closing: 400, 417, 431, 501, 505
  const char* reason = "";  // Bad: one line
};

// Parses the head at the front of `data`, of at most `limit` bytes. Names are turned to lower case in place. `resume`
// is 0 for a new head and keeps what was scanned already between calls over the same, growing bytes.
HeadResult parse_request_head(char* data, std::size_t size, std::size_t limit, std::size_t& resume, RequestHead& head);

}  // namespace bimodal::http
