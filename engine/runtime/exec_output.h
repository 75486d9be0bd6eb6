// What a command writes to one of its outputs, for readers who come, go, and come again. Loop-bound.
//
// Bounds of an exec's (Unread::Waits): the newest kKept bytes that somebody has read can be read again; kAhead bytes
// wait for a reader, then the exec waits in its write. Of a container's own command (Unread::Drops), which must not
// hang because nobody reads: the newest kAhead bytes at least, twice as many at most; it waits for a reader only while
// there is one.
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

  enum class Unread { Waits, Drops };

  explicit ExecOutput(boost::asio::any_io_executor executor, Unread unread = Unread::Waits)
      : unread_(unread), changed_(std::move(executor)) {}

  // Makes the command wait for whoever holds one. The output outlives it.
  class Reader {
   public:
    explicit Reader(ExecOutput& output) : output_(output) { ++output_.readers_; }
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    ExecOutput& output_;
  };

  // For whoever fills it.
  void append(std::string_view bytes);
  void end();         // nothing more will come
  void stop_waits();  // the command is gone: what is left is taken at once, which is no more than a pipe holds
  // Completes when there is room for more; false when the coroutine was cancelled.
  Task<bool> room();

  // At most kAhead bytes from `offset` on, as soon as there are some; "" at the end. OutOfRange when they are kept no
  // more, or `offset` is beyond what was read so far.
  Task<Result<std::string>> read(std::uint64_t offset);
  std::uint64_t first() const { return base_; }  // the oldest byte that is kept
  bool at_end(std::uint64_t offset) const { return ended_ && offset >= written(); }
  // Completes when there is something from `offset` on, or it has ended; false at the deadline.
  Task<bool> wait(std::uint64_t offset, Deadline deadline);

 private:
  std::uint64_t written() const { return base_ + bytes_.size(); }

  bool must_wait() const;
  void drop_before(std::uint64_t offset);

  const Unread unread_;
  int readers_ = 0;
  bool waits_no_more_ = false;
  std::string bytes_;
  std::uint64_t base_ = 0;  // offset of bytes_[0]
  std::uint64_t read_ = 0;  // as far as any reader has got
  bool ended_ = false;
  Pulse changed_;
};

}  // namespace bimodal::runtime
