// Unix seconds, as the protocol and the database have them (protocol §0.8).
#pragma once

#include <chrono>

namespace bimodal::control {

inline double unix_seconds(std::chrono::system_clock::time_point at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

inline double unix_now() {
  return unix_seconds(std::chrono::system_clock::now());
}

}  // namespace bimodal::control
