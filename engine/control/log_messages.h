// Stored log records in the client's form. Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/api.h"
#include "store/logs.h"

namespace bimodal::control {

// One batch for each run of records of the same container, in order. A batch's entry_id is the cursor behind its last
// record.
std::vector<api::TaskLogsBatch> batches_of(const std::vector<store::LogRecord>& records);

// The cursor in an entry_id, 0 for "" or one that isn't ours.
std::uint64_t cursor_of(const std::string& entry_id);

// Records by bucket and stream, empty buckets left out. `bucket_secs` > 0.
class LogCounter {
 public:
  explicit LogCounter(std::uint32_t bucket_secs) : bucket_secs_(bucket_secs) {}
  void add(const store::LogRecord& record);
  void write_to(api::AppCountLogsResponse& response) const;

 private:
  struct Counts {
    std::uint64_t stdout_logs = 0, stderr_logs = 0, system_logs = 0;
  };
  std::uint32_t bucket_secs_;
  std::map<std::int64_t, Counts> buckets_;  // by their start, Unix seconds
};

}  // namespace bimodal::control
