#include "store/app_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>

#include "base/log.h"

namespace bimodal::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSegmentsPerApp = 8;
constexpr std::size_t kMinSegmentBytes = 64 * 1024;
constexpr std::size_t kRecentRecords = 2000;
constexpr std::size_t kRecentBytes = 512 * 1024;

// The sequence that `file` is named after, 0 when it is no segment.
std::uint64_t sequence_of(const fs::path& file) {
  std::string stem = file.stem().string();
  std::uint64_t sequence = 0;
  auto [end, failure] = std::from_chars(stem.data(), stem.data() + stem.size(), sequence);
  bool whole = failure == std::errc() && end == stem.data() + stem.size();
  return whole && file.extension() == ".log" ? sequence : 0;
}

std::size_t cost_of(const LogRecord& record) {
  return sizeof(LogRecord) + record.entry.text.size();
}

}  // namespace

bool matches(const LogRecord& record, const LogFilter& filter) {
  const model::LogEntry& entry = record.entry;
  auto at_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(entry.at.time_since_epoch()).count();
  if (!filter.task_id.empty() && entry.task_id != filter.task_id) return false;
  if (!filter.function_id.empty() && entry.function_id != filter.function_id) return false;
  if (!filter.input_id.empty() && entry.input_id != filter.input_id) return false;
  if (!filter.function_call_id.empty() && entry.function_call_id != filter.function_call_id) return false;
  if (filter.since_ns != 0 && at_ns < filter.since_ns) return false;
  if (filter.until_ns != 0 && at_ns >= filter.until_ns) return false;
  if (filter.stream != 0 && static_cast<int>(entry.stream) != filter.stream) return false;
  return filter.contains.empty() || entry.text.find(filter.contains) != std::string::npos;
}

AppLog::AppLog(std::string app_id, fs::path directory, std::uint64_t max_bytes)
    : app_id_(std::move(app_id)), directory_(std::move(directory)), max_bytes_(max_bytes) {
  find_segments();
  if (segments_.empty()) return;
  LogSegment& last = segments_.back();
  next_sequence_ = last.first_sequence;
  std::uint64_t whole = read_segment(last, app_id_, [this](LogRecord record) {
    next_sequence_ = record.sequence + 1;
    remember(std::move(record));
    return true;
  });
  total_bytes_ -= last.bytes - whole;
  last.bytes = whole;
}

void AppLog::find_segments() {
  std::error_code failure;
  for (const auto& file : fs::directory_iterator(directory_, failure)) {
    std::uint64_t first = sequence_of(file.path());
    if (first == 0) continue;
    std::error_code ignored;
    std::uint64_t bytes = file.file_size(ignored);
    if (!ignored) segments_.push_back(LogSegment{file.path(), first, bytes});
  }
  std::ranges::sort(segments_, {}, &LogSegment::first_sequence);
  for (const LogSegment& segment : segments_) total_bytes_ += segment.bytes;
}

void AppLog::append(model::LogEntry entry) {
  std::lock_guard lock(mutex_);
  entry.app_id = app_id_;
  if (entry.text.size() > kMaxLogText) entry.text.resize(kMaxLogText);
  LogRecord record{next_sequence_, std::move(entry)};
  write(encode_record(record));
  ++next_sequence_;
  remember(std::move(record));
}

void AppLog::write(const std::string& bytes) {
  auto written = write_to_segment(bytes);
  if (!written && !disk_refuses_) {
    log::warning("log of {} is kept in memory only: {}", app_id_, written.error().message);
  }
  disk_refuses_ = !written;
}

Result<void> AppLog::write_to_segment(const std::string& bytes) {
  std::uint64_t segment_limit = std::max<std::uint64_t>(max_bytes_ / kSegmentsPerApp, kMinSegmentBytes);
  if (!writer_ || segments_.back().bytes >= segment_limit) TRY_VOID(begin_segment());
  LogSegment& last = segments_.back();
  ssize_t n = ::pwrite(writer_.get(), bytes.data(), bytes.size(), static_cast<off_t>(last.bytes));
  if (n < 0) return errno_error(errno, "write " + last.path.string());
  // A short write means a full disk; the torn record is overwritten by the next one.
  if (static_cast<std::size_t>(n) != bytes.size()) return errno_error(ENOSPC, "write " + last.path.string());
  last.bytes += bytes.size();
  total_bytes_ += bytes.size();
  return {};
}

// Opens the file to write to: the last one after a start, a new one when that is full.
Result<void> AppLog::begin_segment() {
  bool reopen = !writer_ && !segments_.empty();
  if (!reopen) {
    std::error_code failure;
    fs::create_directories(directory_, failure);
    if (failure) return errno_error(failure.value(), "make " + directory_.string());
  }
  LogSegment next =
      reopen ? segments_.back() : LogSegment{directory_ / fmt::format("{:020}.log", next_sequence_), next_sequence_, 0};
  UniqueFd fd(::open(next.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return errno_error(errno, "open " + next.path.string());
  if (::ftruncate(fd.get(), static_cast<off_t>(next.bytes)) != 0) {
    return errno_error(errno, "truncate " + next.path.string());
  }
  writer_ = std::move(fd);
  if (!reopen) segments_.push_back(std::move(next));
  drop_oldest();
  return {};
}

void AppLog::drop_oldest() {
  while (segments_.size() > 1 && (total_bytes_ > max_bytes_ || segments_.size() > kSegmentsPerApp)) {
    ::unlink(segments_.front().path.c_str());
    total_bytes_ -= segments_.front().bytes;
    segments_.erase(segments_.begin());
  }
}

void AppLog::remember(LogRecord record) {
  recent_bytes_ += cost_of(record);
  recent_.push_back(std::move(record));
  while (recent_.size() > kRecentRecords || (recent_bytes_ > kRecentBytes && recent_.size() > 1)) {
    recent_bytes_ -= cost_of(recent_.front());
    recent_.pop_front();
  }
}

// Copies what a read of records from `first` on needs: no segments when the newest records cover it.
AppLog::View AppLog::view_from(std::uint64_t first) {
  std::lock_guard lock(mutex_);
  View view;
  for (const LogRecord& record : recent_) {
    if (record.sequence >= first) view.recent.push_back(record);
  }
  if (first >= next_sequence_ || (!recent_.empty() && recent_.front().sequence <= first)) return view;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    bool ends_before = i + 1 < segments_.size() && segments_[i + 1].first_sequence <= first;
    if (!ends_before) view.segments.push_back(segments_[i]);
  }
  return view;
}

std::vector<LogRecord> AppLog::after(std::uint64_t cursor, std::size_t limit, const LogFilter& filter) {
  View view = view_from(cursor + 1);
  std::vector<LogRecord> out;
  std::uint64_t seen = cursor;
  auto take = [&](LogRecord record) {
    if (out.size() == limit) return false;
    if (record.sequence <= seen) return true;
    seen = record.sequence;
    if (matches(record, filter)) out.push_back(std::move(record));
    return true;
  };
  for (const LogSegment& segment : view.segments) {
    if (out.size() == limit) break;
    read_segment(segment, app_id_, take);
  }
  // Records that the disk refused are in memory only.
  for (LogRecord& record : view.recent) take(std::move(record));
  return out;
}

std::vector<LogRecord> AppLog::tail(std::size_t limit, const LogFilter& filter) {
  View view = view_from(1);
  std::vector<LogRecord> out;  // newest first until the end
  std::uint64_t oldest = UINT64_MAX;
  auto take_newest_of = [&](std::vector<LogRecord>& records) {
    for (auto it = records.rbegin(); it != records.rend() && out.size() < limit; ++it) {
      oldest = it->sequence;
      if (matches(*it, filter)) out.push_back(std::move(*it));
    }
  };
  take_newest_of(view.recent);
  for (auto segment = view.segments.rbegin(); segment != view.segments.rend() && out.size() < limit; ++segment) {
    std::deque<LogRecord> newest;
    read_segment(*segment, app_id_, [&](LogRecord record) {
      if (record.sequence >= oldest) return false;
      if (matches(record, filter)) newest.push_back(std::move(record));
      if (newest.size() > limit) newest.pop_front();
      return true;
    });
    std::vector<LogRecord> records(std::make_move_iterator(newest.begin()), std::make_move_iterator(newest.end()));
    take_newest_of(records);
  }
  std::ranges::reverse(out);
  return out;
}

std::uint64_t AppLog::last_sequence() {
  std::lock_guard lock(mutex_);
  return next_sequence_ - 1;
}

}  // namespace bimodal::store
