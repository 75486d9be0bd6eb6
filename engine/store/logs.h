// What containers said, by app: append and read, bounded per app. Thread-safe; every method may block on a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/model.h"

namespace bimodal::store {

struct LogRecord {
  std::uint64_t sequence = 0;  // per app, from 1, never reused: the cursor of AppGetLogs
  model::LogEntry entry;
};

struct LogFilter {
  std::string task_id, function_id;         // empty: any
  std::string input_id, function_call_id;   // the same
  std::int64_t since_ns = 0, until_ns = 0;  // Unix time; 0: open
  int stream = 0;                           // 0: any
  std::string contains;
};

class Logs {
 public:
  // Keeps at most `bytes_per_app` of the newest text for each app.
  Logs(std::filesystem::path directory, std::uint64_t bytes_per_app);
  ~Logs();

  void append(model::LogEntry entry);
  // At most `limit` records after `cursor`, oldest first.
  std::vector<LogRecord> after(
      const std::string& app_id, std::uint64_t cursor, std::size_t limit, const LogFilter& filter) const;
  // The newest `limit` records, oldest first.
  std::vector<LogRecord> tail(const std::string& app_id, std::size_t limit, const LogFilter& filter) const;
  std::uint64_t last_sequence(const std::string& app_id) const;
  // Called (on the appending thread) after every append; for waking long polls. An empty function ends that.
  void on_append(std::function<void(const std::string& app_id)> listener);
  void remove(const std::string& app_id);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::store
