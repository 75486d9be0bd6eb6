// One app's log: its segment files, and the newest records in memory so that following costs no file read.
//
// Thread-safe; append() and reads of older records block on files.
#pragma once

#include <deque>
#include <filesystem>
#include <mutex>
#include <vector>

#include "base/unique_fd.h"
#include "store/log_segment.h"
#include "store/logs.h"

namespace bimodal::store {

bool matches(const LogRecord& record, const LogFilter& filter);

class AppLog {
 public:
  // Reads what an earlier run left in `directory` (the end of the last segment only).
  AppLog(std::string app_id, std::filesystem::path directory, std::uint64_t max_bytes);

  // When the disk refuses the record it stays in memory only, and followers still get it.
  void append(model::LogEntry entry);
  std::vector<LogRecord> after(std::uint64_t cursor, std::size_t limit, const LogFilter& filter);
  std::vector<LogRecord> tail(std::size_t limit, const LogFilter& filter);
  std::uint64_t last_sequence();

 private:
  struct View {  // what a reader works on without the lock
    std::vector<LogSegment> segments;
    std::vector<LogRecord> recent;
  };
  void find_segments();
  void write(const std::string& bytes);
  Result<void> write_to_segment(const std::string& bytes);
  Result<void> begin_segment();
  void drop_oldest();
  void remember(LogRecord record);
  View view_from(std::uint64_t first);

  const std::string app_id_;
  const std::filesystem::path directory_;
  const std::uint64_t max_bytes_;
  std::mutex mutex_;
  std::vector<LogSegment> segments_;  // oldest first; the last one is written
  std::uint64_t total_bytes_ = 0;
  UniqueFd writer_;
  std::uint64_t next_sequence_ = 1;
  std::deque<LogRecord> recent_;  // the newest, without a gap
  std::size_t recent_bytes_ = 0;
  bool disk_refuses_ = false;  // so that one warning is enough
};

}  // namespace bimodal::store
