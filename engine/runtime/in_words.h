// A span of time as messages for users have it: "30 s", "1500 ms".
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>

namespace bimodal::runtime {

inline std::string in_words(std::chrono::milliseconds span) {
  return span.count() % 1000 == 0 ? fmt::format("{} s", span.count() / 1000) : fmt::format("{} ms", span.count());
}

}  // namespace bimodal::runtime
