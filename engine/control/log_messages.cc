#include "control/log_messages.h"

#include <charconv>

#include "control/clock.h"
#include "control/utf8.h"

namespace bimodal::control {
namespace {

void add_item(api::TaskLogsBatch& batch, const store::LogRecord& record) {
  using std::chrono::nanoseconds;
  auto since_epoch = std::chrono::duration_cast<nanoseconds>(record.entry.at.time_since_epoch());
  api::TaskLogs& item = *batch.add_items();
  item.set_data(valid_utf8(record.entry.text));
  item.set_file_descriptor(static_cast<api::FileDescriptor>(record.entry.stream));
  item.set_input_id(valid_utf8(record.entry.input_id));
  item.set_function_call_id(valid_utf8(record.entry.function_call_id));
  item.set_timestamp(unix_seconds(record.entry.at));
  item.set_timestamp_ns(static_cast<std::uint64_t>(since_epoch.count()));
}

}  // namespace

std::vector<api::TaskLogsBatch> batches_of(const std::vector<store::LogRecord>& records) {
  std::vector<api::TaskLogsBatch> batches;
  for (const store::LogRecord& record : records) {
    const model::LogEntry& entry = record.entry;
    bool continues = !batches.empty() && batches.back().task_id() == entry.task_id &&
                     batches.back().function_id() == entry.function_id;
    if (!continues) {
      api::TaskLogsBatch& batch = batches.emplace_back();
      batch.set_task_id(entry.task_id);
      batch.set_function_id(entry.function_id);
    }
    add_item(batches.back(), record);
    batches.back().set_entry_id(std::to_string(record.sequence));
  }
  return batches;
}

std::uint64_t cursor_of(const std::string& entry_id) {
  std::uint64_t cursor = 0;
  auto [end, failure] = std::from_chars(entry_id.data(), entry_id.data() + entry_id.size(), cursor);
  return failure == std::errc() && end == entry_id.data() + entry_id.size() ? cursor : 0;
}

void LogCounter::add(const store::LogRecord& record) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(record.entry.at.time_since_epoch()).count();
  Counts& counts = buckets_[seconds - seconds % bucket_secs_];
  switch (record.entry.stream) {
    case model::LogStream::Stdout:
      ++counts.stdout_logs;
      break;
    case model::LogStream::Stderr:
      ++counts.stderr_logs;
      break;
    case model::LogStream::System:
      ++counts.system_logs;
      break;
  }
}

void LogCounter::write_to(api::AppCountLogsResponse& response) const {
  for (const auto& [start, counts] : buckets_) {
    auto& bucket = *response.add_buckets();
    bucket.mutable_bucket_start_at()->set_seconds(start);
    bucket.set_stdout_logs(counts.stdout_logs);
    bucket.set_stderr_logs(counts.stderr_logs);
    bucket.set_system_logs(counts.system_logs);
  }
}

}  // namespace bimodal::control
