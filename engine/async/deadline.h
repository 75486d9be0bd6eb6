// A point in time by which something must have happened. Monotonic clock; a plain value.
#pragma once

#include <chrono>

namespace bimodal {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(Clock::duration span) { return Deadline(Clock::now() + span); }
  static Deadline at(Clock::time_point point) { return Deadline(point); }
  static Deadline never() { return Deadline(Clock::time_point::max()); }

  Clock::time_point point() const { return point_; }
  bool is_never() const { return point_ == Clock::time_point::max(); }
  bool passed() const { return Clock::now() >= point_; }
  Deadline or_earlier(Deadline other) const { return point_ < other.point_ ? *this : other; }

 private:
  explicit Deadline(Clock::time_point point) : point_(point) {}
  Clock::time_point point_;
};

}  // namespace bimodal
