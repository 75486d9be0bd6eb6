// The recorded requests: what 1,000 callers of a browser's kind ask for, always the same.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bimodal::benchmarks {

// What a request asks the runner for, by its path.
inline constexpr std::string_view kSmall = "/small";    // 13 bytes
inline constexpr std::string_view kLarge = "/large";    // 10 KB
inline constexpr std::string_view kEcho = "/echo";      // POST: its 10 KB of JSON again
inline constexpr std::string_view kStream = "/stream";  // three pieces, chunked

inline constexpr std::size_t kBodySize = 10 * 1024;
inline constexpr std::size_t kRequests = 1000;

// The bytes of request `number`: of ten, six small, one large, two echoes, one stream.
std::string request_text(std::size_t number);
// The body of its answer, in bytes on the wire.
std::size_t answer_size(std::size_t number);

}  // namespace bimodal::benchmarks
