// Answers of threads that wait a moment for company, so that who reads them is woken once for several.
//
// A thread of requests adds frames while it holds the interpreter's lock, and takes them back to write them itself. The
// courier's thread, which has no interpreter's lock and needs none, writes what nobody came back for.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

namespace bimodal::runner {

class HeldOutput {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::microseconds kLongest{1000};  // that anything is held for
  static constexpr std::chrono::microseconds kGrace{500};     // then, in which its thread may write it itself
  static constexpr std::size_t kMostBytes = std::size_t{64} * 1024;

  explicit HeldOutput(int socket) : socket_(socket) {}

  // Adds whole frames, which may be held for `patience`. False, with nothing added, when there is no room: all that
  // waits is to be written now, these behind it.
  bool add(std::string_view frames, Clock::duration patience);
  // Whether something has waited for as long as it may.
  bool is_due();
  // All that waits, which the caller writes before anything else. May begin in the middle of a frame.
  std::string take();
  // Nothing is written to the socket from now on.
  void close();

  // The courier's: writes what nobody came back for, as far as the socket takes it. When it is to come again; max()
  // when nothing waits.
  Clock::time_point write_late(Clock::time_point now);

 private:
  std::mutex mutex_;
  int socket_;
  std::string bytes_;
  Clock::time_point due_{};  // the first of them
};

}  // namespace bimodal::runner
