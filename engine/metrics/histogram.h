// How long things took, as counts in fixed buckets: from half a millisecond to a minute. Written by one thread, read by
// any (counter.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "metrics/counter.h"

namespace bimodal::metrics {

// Upper ends of the buckets, inclusive; one more takes everything longer. Those of OpenTelemetry's
// http.server.request.duration but for some at either end: starts are shorter, and longer, than requests.
inline constexpr std::array<std::int64_t, 15> kBounds_ns = {
    500'000,     1'000'000,   2'500'000,     5'000'000,     10'000'000,    25'000'000,     50'000'000,    100'000'000,
    250'000'000, 500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000, 60'000'000'000};

// A histogram's numbers, or the sum of several, at one time.
struct Spread {
  std::array<std::uint64_t, kBounds_ns.size() + 1> buckets{};  // not cumulative
  std::uint64_t sum_ns = 0;

  std::uint64_t count() const;
  // At least that share (0 to 1) of all took no longer, as near as the buckets tell; 0 when there are none. What is
  // beyond the last bound counts as that.
  double quantile_s(double share) const;
};

class Histogram {
 public:
  // A negative duration counts as none.
  void observe(std::int64_t duration_ns) {
    if (duration_ns < 0) duration_ns = 0;
    std::size_t bucket = 0;
    while (bucket < kBounds_ns.size() && duration_ns > kBounds_ns[bucket]) ++bucket;
    buckets_[bucket].add();
    sum_ns_.add(static_cast<std::uint64_t>(duration_ns));
  }

  void add_to(Spread& spread) const;

 private:
  std::array<Counter, kBounds_ns.size() + 1> buckets_;
  Counter sum_ns_;
};

}  // namespace bimodal::metrics
