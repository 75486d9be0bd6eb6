#include "store/log_segment.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/unique_fd.h"

namespace bimodal::store {
namespace {

using namespace std::chrono;

constexpr std::size_t kHeadSize = 24;
constexpr std::size_t kBodyHeadSize = 3;
constexpr std::size_t kMaxId = 255;
constexpr std::size_t kMaxBody = kBodyHeadSize + 4 * kMaxId + 2 + kMaxLogText;
constexpr unsigned char kHasInput = 0x80;       // in the byte of the stream
constexpr std::size_t kReadChunk = 256 * 1024;  // holds at least one whole record

struct Head {
  std::uint32_t size = 0;
  std::uint32_t checksum = 0;
  std::uint64_t sequence = 0;
  std::int64_t at_ns = 0;
};
static_assert(sizeof(Head) == kHeadSize);

// FNV-1a: finds a torn or overwritten tail; nothing here defends against an attacker.
std::uint32_t checksum_of(std::string_view data) {
  std::uint32_t hash = 2166136261u;
  for (unsigned char byte : data) hash = (hash ^ byte) * 16777619u;
  return hash;
}

// Takes a text with its size in front off `rest`; nothing when it is cut off.
std::optional<std::string_view> take_sized(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const auto size = static_cast<unsigned char>(rest[0]);
  if (rest.size() < 1u + size) return std::nullopt;
  const std::string_view text = rest.substr(1, size);
  rest.remove_prefix(1u + size);
  return text;
}

std::string sized(const std::string& text) {
  const std::string kept = text.substr(0, kMaxId);
  return static_cast<char>(kept.size()) + kept;
}

// `body` is whole (is_whole).
LogRecord decode(const Head& head, std::string_view body, const std::string& app_id) {
  auto function_size = static_cast<unsigned char>(body[1]);
  auto task_size = static_cast<unsigned char>(body[2]);
  LogRecord record;
  record.sequence = head.sequence;
  record.entry.app_id = app_id;
  const auto stream = static_cast<unsigned char>(body[0]);
  record.entry.stream = static_cast<model::LogStream>(stream & ~kHasInput);
  record.entry.function_id = body.substr(kBodyHeadSize, function_size);
  record.entry.task_id = body.substr(kBodyHeadSize + function_size, task_size);
  std::string_view rest = body.substr(kBodyHeadSize + function_size + task_size);
  if (stream & kHasInput) {
    record.entry.input_id = take_sized(rest).value_or("");
    record.entry.function_call_id = take_sized(rest).value_or("");
  }
  record.entry.text = rest;
  record.entry.at = system_clock::time_point(duration_cast<system_clock::duration>(nanoseconds(head.at_ns)));
  return record;
}

bool is_whole(const Head& head, std::string_view body) {
  if (body.size() < kBodyHeadSize || checksum_of(body) != head.checksum) return false;
  std::size_t ids = static_cast<unsigned char>(body[1]) + static_cast<unsigned char>(body[2]);
  return body.size() >= kBodyHeadSize + ids;
}

// Takes whole records off the front of `data`; what is left waits for more. False when reading must stop.
bool take_records(
    std::string& data, std::uint64_t& done, const std::string& app_id, const std::function<bool(LogRecord)>& visit) {
  std::size_t at = 0;
  bool go_on = true;
  while (go_on && data.size() - at >= kHeadSize) {
    Head head;
    std::memcpy(&head, data.data() + at, kHeadSize);
    if (head.size > kMaxBody) return false;
    if (data.size() - at < kHeadSize + head.size) break;
    std::string_view body(data.data() + at + kHeadSize, head.size);
    if (!is_whole(head, body)) return false;
    at += kHeadSize + head.size;
    done += kHeadSize + head.size;
    go_on = visit(decode(head, body, app_id));
  }
  data.erase(0, at);
  return go_on;
}

}  // namespace

std::string encode_record(const LogRecord& record) {
  const model::LogEntry& entry = record.entry;
  std::string function_id = entry.function_id.substr(0, kMaxId);
  std::string task_id = entry.task_id.substr(0, kMaxId);
  std::string body;
  const bool has_input = !entry.input_id.empty() || !entry.function_call_id.empty();
  body.push_back(static_cast<char>(static_cast<unsigned char>(entry.stream) | (has_input ? kHasInput : 0)));
  body.push_back(static_cast<char>(function_id.size()));
  body.push_back(static_cast<char>(task_id.size()));
  body += function_id;
  body += task_id;
  if (has_input) body += sized(entry.input_id) + sized(entry.function_call_id);
  body.append(entry.text, 0, kMaxLogText);
  Head head;
  head.size = static_cast<std::uint32_t>(body.size());
  head.checksum = checksum_of(body);
  head.sequence = record.sequence;
  head.at_ns = duration_cast<nanoseconds>(entry.at.time_since_epoch()).count();
  std::string out(kHeadSize, '\0');
  std::memcpy(out.data(), &head, kHeadSize);
  return out + body;
}

std::uint64_t read_segment(
    const LogSegment& segment, const std::string& app_id, const std::function<bool(LogRecord)>& visit) {
  UniqueFd fd(::open(segment.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return 0;
  std::string data, chunk(kReadChunk, '\0');
  std::uint64_t left = segment.bytes, done = 0;
  while (left > 0) {
    ssize_t n = ::read(fd.get(), chunk.data(), std::min<std::uint64_t>(chunk.size(), left));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    left -= static_cast<std::uint64_t>(n);
    data.append(chunk, 0, static_cast<std::size_t>(n));
    if (!take_records(data, done, app_id, visit)) break;
  }
  return done;
}

}  // namespace bimodal::store
