// Numbers that one thread writes and any thread reads: a plain load and store each, no locked instruction.
//
// A reader may see one counter newer than another; each never goes back. Two writers would lose counts: where several
// threads count the same thing, each has a counter of its own and the reader adds them up.
#pragma once

#include <atomic>
#include <cstdint>

namespace bimodal::metrics {

// How often something happened, or how much of it there was. Only grows.
class Counter {
 public:
  void add(std::uint64_t more = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// How much of something there is now.
class Gauge {
 public:
  void add(std::int64_t more) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

}  // namespace bimodal::metrics
