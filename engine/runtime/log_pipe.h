// Follows one output pipe of a container: bytes in, log lines out. Loop-bound.
//
// A line that stays unfinished for kPatience is passed on as it is. A container that floods its log is slowed down: at
// most kLinesPerTurn lines and kBytesPerRead bytes are taken, then other work of the loop has its turn for kPause.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "async/task.h"
#include "base/unique_fd.h"
#include "runtime/line_splitter.h"

namespace bimodal::runtime {

class LogPipe : public std::enable_shared_from_this<LogPipe> {
 public:
  static constexpr auto kPatience = std::chrono::milliseconds(200);
  static constexpr std::size_t kBytesPerRead = 16 * 1024;
  static constexpr std::size_t kLinesPerTurn = 1000;
  static constexpr auto kPause = std::chrono::milliseconds(20);

  LogPipe(boost::asio::any_io_executor executor, UniqueFd read_end, LineSplitter::Sink sink);

  // Until every writer has closed the pipe, or the coroutine is cancelled.
  Task<void> follow();

 private:
  void flush_later();

  boost::asio::posix::stream_descriptor pipe_;
  boost::asio::steady_timer timer_;
  bool flush_is_due_ = false;
  LineSplitter lines_;
  LineSplitter::Sink sink_;
  std::array<char, kBytesPerRead> buffer_;
};

}  // namespace bimodal::runtime
