// Request targets and host names (RFC 9112 §3.2). Pure functions over views.
#pragma once

#include <string_view>

namespace bimodal::http {

struct Target {
  std::string_view path;
  std::string_view query;
  std::string_view host;  // absolute form only, with its port
  bool is_absolute = false;
};

// Splits origin-form ("/a?b"), absolute-form ("http://h/a?b") and, for OPTIONS, "*". False for anything else, for
// fragments, control characters and bytes beyond ASCII.
bool parse_target(std::string_view method, std::string_view text, Target& target);

// Whether `text` can be a host with an optional port; the empty one is.
bool is_host(std::string_view text);

// The host without port and final dot: "Example.com.:80" → "Example.com", "[::1]:80" → "[::1]".
std::string_view host_without_port(std::string_view host);

}  // namespace bimodal::http
