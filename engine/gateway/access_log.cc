#include "gateway/access_log.h"

#include <spdlog/sinks/rotating_file_sink.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/log.h"

namespace bimodal::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto kBatch = 100ms;       // lines are written together that come within it
constexpr auto kBetweenLines = 10s;  // of the daemon's log, about what is wrong here

// What of an Access lies in the ring, before its texts.
struct Record {
  std::uint32_t size = 0;  // of record and texts, a multiple of kAlignment; kSkip: go to the ring's beginning
  std::uint16_t client = 0, method = 0, host = 0, path = 0;
  Access access;
};
constexpr std::uint32_t kSkip = 0;
constexpr std::size_t kAlignment = alignof(Record);
static_assert(std::is_trivially_copyable_v<Record> && AccessLog::kRing % kAlignment == 0);

std::int64_t steady_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::int64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

// The rotating file. One thread.
class AccessLog::Sink {
 public:
  explicit Sink(const AccessLogFile& file)
      : file_(file.path.string(), static_cast<std::size_t>(file.max_bytes), file.old_files) {
    file_.set_pattern("%v");
  }

  void write(const Access& access, std::int64_t now_ns, std::int64_t now_ms) {
    line_.clear();
    append_access_line(access, now_ns, now_ms, line_);
    try {
      file_.log(spdlog::details::log_msg("", spdlog::level::info, line_));
    } catch (const std::exception& why) {
      complain(why.what());
    }
  }

  void flush() {
    try {
      file_.flush();
    } catch (const std::exception& why) {
      complain(why.what());
    }
  }

  void complain(std::string_view what) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_complaint_) return;
    next_complaint_ = now + kBetweenLines;
    log::warning("access log: {}", what);
  }

 private:
  spdlog::sinks::rotating_file_sink_st file_;
  std::string line_;
  std::chrono::steady_clock::time_point next_complaint_{};
};

Result<std::unique_ptr<AccessLog>> AccessLog::open(const AccessLogFile& file, std::size_t loops) {
  try {
    auto sink = std::make_unique<Sink>(file);
    std::error_code ignored;
    std::filesystem::permissions(
        file.path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
    return std::unique_ptr<AccessLog>(new AccessLog(std::move(sink), loops));
  } catch (const std::exception& why) {
    return error(Code::PermissionDenied, "can't write the access log {}: {}", file.path.string(), why.what());
  }
}

AccessLog::AccessLog(std::unique_ptr<Sink> sink, std::size_t loops) : sink_(std::move(sink)) {
  for (std::size_t i = 0; i < loops; ++i) rings_.push_back(std::make_unique<Ring>());
  thread_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
  ends_ = true;
  awake_ = 1;
  awake_.notify_one();
  thread_.join();
}

void AccessLog::write(std::size_t loop, const Access& access) {
  Ring& ring = *rings_[loop];
  Record record{.access = access};
  record.client = static_cast<std::uint16_t>(access.client.size());
  record.method = static_cast<std::uint16_t>(std::min(access.method.size(), kMaxHost));
  record.host = static_cast<std::uint16_t>(std::min(access.host.size(), kMaxHost));
  record.path = static_cast<std::uint16_t>(std::min(access.path.size(), kMaxPath));
  const std::size_t needed = sizeof record + record.client + record.method + record.host + record.path;
  const std::size_t size = (needed + kAlignment - 1) / kAlignment * kAlignment;
  std::uint64_t at = ring.written.load(std::memory_order_relaxed);
  const std::uint64_t used = at - ring.read.load(std::memory_order_acquire);
  const std::size_t to_end = kRing - at % kRing;
  const std::size_t skipped = to_end < size ? to_end : 0;
  if (used + skipped + size > kRing) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (skipped > 0) std::memcpy(ring.bytes.get() + at % kRing, &kSkip, sizeof kSkip);
  at += skipped;
  record.size = static_cast<std::uint32_t>(size);
  char* place = ring.bytes.get() + at % kRing;
  std::memcpy(place, &record, sizeof record);
  place += sizeof record;
  for (const auto& [text, length] :
       {std::pair(access.client, record.client), std::pair(access.method, record.method),
        std::pair(access.host, record.host), std::pair(access.path, record.path)}) {
    std::memcpy(place, text.data(), length);
    place += length;
  }
  // In one order with what run() does: it takes what is here, or is woken.
  ring.written.store(at + size);
  if (awake_.load() == 0) {
    awake_ = 1;
    awake_.notify_one();
  }
}

void AccessLog::run() {
  std::uint64_t told = 0;
  while (!ends_) {
    awake_.wait(0);
    if (!ends_) std::this_thread::sleep_for(kBatch);
    awake_ = 0;
    for (auto& ring : rings_) drain(*ring);
    sink_->flush();
    if (dropped() == told) continue;
    sink_->complain(fmt::format("{} lines were dropped, because more came than could be written", dropped() - told));
    told = dropped();
  }
  for (auto& ring : rings_) drain(*ring);
  sink_->flush();
}

void AccessLog::drain(Ring& ring) {
  const std::int64_t now_ns = steady_ns(), now_ms = wall_ms();
  std::uint64_t at = ring.read.load(std::memory_order_relaxed);
  const std::uint64_t end = ring.written.load();
  while (at < end) {
    const char* place = ring.bytes.get() + at % kRing;
    std::uint32_t size = 0;
    std::memcpy(&size, place, sizeof size);
    if (size == kSkip) {
      at += kRing - at % kRing;
      continue;
    }
    Record record;
    std::memcpy(&record, place, sizeof record);
    const char* text = place + sizeof record;
    auto take = [&text](std::size_t length) { return std::string_view(std::exchange(text, text + length), length); };
    record.access.client = take(record.client);
    record.access.method = take(record.method);
    record.access.host = take(record.host);
    record.access.path = take(record.path);
    sink_->write(record.access, now_ns, now_ms);
    at += record.size;
    ring.read.store(at, std::memory_order_release);
  }
  ring.read.store(at, std::memory_order_release);
}

}  // namespace bimodal::gateway
