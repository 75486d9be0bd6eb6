// Byte buffers that connections of one loop take while they need one, so that an idle connection holds none.
// Loop-bound.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace bimodal::http {

class BufferPool {
 public:
  std::string take() {
    if (free_.empty()) return {};
    std::string buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }

  // Keeps at most kKept buffers of at most kMaxCapacity bytes each; others are freed.
  void give(std::string&& buffer) {
    if (buffer.capacity() < kMinCapacity || buffer.capacity() > kMaxCapacity || free_.size() >= kKept) {
      std::string().swap(buffer);
      return;
    }
    buffer.clear();
    free_.push_back(std::move(buffer));
  }

 private:
  static constexpr std::size_t kKept = 256;
  static constexpr std::size_t kMinCapacity = 256;
  static constexpr std::size_t kMaxCapacity = 16 * 1024;

  std::vector<std::string> free_;
};

}  // namespace bimodal::http
