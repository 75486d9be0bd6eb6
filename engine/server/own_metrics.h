// The daemon's own numbers: its process, its version, the lag of its control loop, its files.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "metrics/page.h"

namespace bimodal::server {

// The standard process_* metrics (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics) of this
// process, from /proc. Blocks for microseconds.
void write_process_metrics(metrics::Page& page, double started_at);

// How late the loop is that it runs on: a timer of kPause, over and over. Loop-bound.
class LoopLag {
 public:
  static constexpr std::chrono::seconds kPause{1};
  // Until cancelled; *this must outlive it.
  Task<void> watch();
  void write(metrics::Page& page) const;

 private:
  metrics::Histogram lag_;
};

// What the home takes on disk: the database at once, the blobs as they were at the last count. Loop-bound.
class HomeSize {
 public:
  static constexpr std::chrono::minutes kPause{10};  // between two counts of the blobs
  explicit HomeSize(std::filesystem::path home) : home_(std::move(home)) {}
  // Counts on `pool` until cancelled; both must outlive it.
  Task<void> watch(BlockingPool& pool);
  void write(metrics::Page& page) const;

 private:
  struct Blobs {
    std::uint64_t files = 0, bytes = 0;
  };
  static Blobs count(const std::filesystem::path& directory);

  const std::filesystem::path home_;
  Blobs blobs_;
};

}  // namespace bimodal::server
