// How long a pool waits after containers that failed to start, or died before they served anything: 1 s, doubling to
// 60 s. A plain value.
#pragma once

#include <algorithm>
#include <chrono>

#include "async/deadline.h"

namespace bimodal::scheduler {

class StartBackoff {
 public:
  using Clock = Deadline::Clock;

  StartBackoff(Clock::duration first, Clock::duration last) : first_(first), last_(last) {}

  // Containers that were started together fail together: what fails during the pause counts no more.
  void record_failure(Clock::time_point now) {
    if (now < retry_at_) return;
    pause_ = failures_ == 0 ? first_ : std::min(pause_ * 2, last_);
    ++failures_;
    retry_at_ = now + pause_;
  }
  void reset() {
    failures_ = 0;
    retry_at_ = {};
  }

  int failures() const { return failures_; }  // in a row
  Clock::time_point retry_at() const { return retry_at_; }

 private:
  Clock::duration first_;
  Clock::duration last_;
  Clock::duration pause_{};
  Clock::time_point retry_at_{};
  int failures_ = 0;
};

}  // namespace bimodal::scheduler
