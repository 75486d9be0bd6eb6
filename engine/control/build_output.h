// What a build said, for everyone who watches it: the newest kMaxBytes, addressed by a cursor. Loop-bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bimodal::control {

class BuildOutput {
 public:
  static constexpr std::size_t kMaxBytes = 1 << 20;
  static constexpr std::size_t kMaxChunk = 16 * 1024;

  void append(std::string_view text);

  // The next chunk after `cursor` (0: from the start, as far as it is kept), at most kMaxChunk long, and moves `cursor`
  // behind it. Empty when there is nothing new. Chunks are valid UTF-8, and a long one ends with a line.
  std::string next(std::uint64_t& cursor) const;

 private:
  std::uint64_t first_ = 0;  // offset of text_[0] in the whole output
  std::string text_;
};

}  // namespace bimodal::control
