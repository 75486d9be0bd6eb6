// What all connections of one loop share: readiness, timers, spare buffers, a place to read into, the Date line.
// Loop-bound; created and destroyed on its loop or while that doesn't run.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

#include "http/buffer_pool.h"
#include "http/date.h"
#include "http/poller.h"
#include "http/request_head.h"
#include "http/timer_wheel.h"

namespace bimodal::http {

class Reactor {
 public:
  static constexpr std::size_t kScratchSize = 64 * 1024;

  explicit Reactor(Loop& loop);
  ~Reactor();

  Loop& loop() { return loop_; }
  Poller& poller() { return poller_; }
  BufferPool& buffers() { return buffers_; }
  std::string_view date() { return date_.now(); }
  std::int64_t now_ns() { return poller_.now_ns(); }  // steady; as Poller::now_ns()

  // For the running callback only: the next one overwrites them.
  std::span<char> scratch() { return scratch_; }
  RequestHead& request_head() { return request_head_; }

  // Calls timer.on_timeout() when `span` has passed, at most two ticks late.
  void arm(TimerWheel::Timer& timer, std::chrono::milliseconds span);
  void disarm(TimerWheel::Timer& timer) { wheel_.disarm(timer); }

 private:
  struct Ticker;

  void tick();

  Loop& loop_;
  TimerWheel wheel_;
  BufferPool buffers_;
  Poller poller_;  // goes first: what it still has to destroy uses the two above
  DateLine date_;
  RequestHead request_head_;
  std::shared_ptr<Ticker> ticker_;
  std::array<char, kScratchSize> scratch_;
};

}  // namespace bimodal::http
