// What requests say about where they go: percent-encoded paths, and hosts with ports. Pure.
#pragma once

#include <string>
#include <string_view>

namespace bimodal::runner {

// Decoded; an escape that is none stays as it is.
std::string percent_decoded(std::string_view raw);

struct HostPort {
  std::string_view host;  // an IPv6 address without its brackets
  unsigned port = 0;      // 0: none named
};

// What a Host header says.
HostPort split_host(std::string_view text);

}  // namespace bimodal::runner
