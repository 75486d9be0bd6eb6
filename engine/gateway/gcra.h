// The generic cell rate algorithm: so many at once, then one at a time at an even pace. Exact over all threads.
//
// State is one number, the theoretical arrival time of the next request (ITU-T I.371, annex A). Time is what the caller
// says, in nanoseconds of any clock that never goes back.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace bimodal::gateway {

class Gcra {
 public:
  struct Rate {
    std::int64_t interval_ns = 0;   // between two requests at an even pace; 0: no limit
    std::int64_t tolerance_ns = 0;  // how far ahead of that pace requests may run

    // `per_second` requests, and at once as many as come in `burst_ns` at that pace; at least one.
    static Rate of(std::int64_t per_second, std::int64_t burst_ns) {
      if (per_second <= 0) return {};
      const std::int64_t interval = std::max<std::int64_t>(1'000'000'000 / per_second, 1);
      return {interval, std::max<std::int64_t>(burst_ns - interval, 0)};
    }
  };

  // 0: the request passes, and counts. Else it doesn't, and would pass in so many nanoseconds. Any thread.
  std::int64_t pass(const Rate& rate, std::int64_t now_ns) {
    if (rate.interval_ns == 0) return 0;
    std::int64_t expected = arrival_ns_.load(std::memory_order_relaxed);
    while (true) {
      const std::int64_t start = std::max(expected, now_ns);
      const std::int64_t early = start - now_ns - rate.tolerance_ns;
      if (early > 0) return early;
      if (arrival_ns_.compare_exchange_weak(expected, start + rate.interval_ns, std::memory_order_relaxed)) return 0;
    }
  }

 private:
  std::atomic<std::int64_t> arrival_ns_ = INT64_MIN;
};

}  // namespace bimodal::gateway
