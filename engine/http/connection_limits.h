// What one connection's peer may cost, in every version of HTTP.
#pragma once

#include <chrono>
#include <cstddef>

namespace bimodal::http {

struct ConnectionLimits {
  std::size_t max_head_bytes = 64 * 1024;
  std::chrono::milliseconds head_timeout = std::chrono::seconds(30);
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(75);
};

}  // namespace bimodal::http
