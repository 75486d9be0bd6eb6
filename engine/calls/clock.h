// Unix seconds, as the protocol and the database have them (protocol §0.8).
#pragma once

#include <chrono>

namespace bimodal::calls {

inline double unix_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace bimodal::calls
