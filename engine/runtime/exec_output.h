// What a running exec writes to one of its outputs, for readers who come, go, and come again. Loop-bound.
//
// Bounds: the newest kKept bytes that somebody has read can be read again; kAhead bytes wait for a reader, then the
// exec waits in its write.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "async/pulse.h"
#include "async/task.h"
#include "base/result.h"

namespace bimodal::runtime {

class ExecOutput {
 public:
  static constexpr std::size_t kKept = 256 * 1024;
  static constexpr std::size_t kAhead = 1024 * 1024;

  explicit ExecOutput(boost::asio::any_io_executor executor) : changed_(std::move(executor)) {}

  // For whoever fills it.
  void append(std::string_view bytes);
  void end();  // nothing more will come
  // Completes when there is room for more; false when the coroutine was cancelled.
  Task<bool> room();

  // At most kAhead bytes from `offset` on, as soon as there are some; "" at the end. OutOfRange when they are kept no
  // more, or `offset` is beyond what was read so far.
  Task<Result<std::string>> read(std::uint64_t offset);

 private:
  std::uint64_t written() const { return base_ + bytes_.size(); }

  std::string bytes_;
  std::uint64_t base_ = 0;  // offset of bytes_[0]
  std::uint64_t read_ = 0;  // as far as any reader has got
  bool ended_ = false;
  Pulse changed_;
};

}  // namespace bimodal::runtime
