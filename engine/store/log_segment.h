// One file of an app's log: records one after another, oldest first. See logs.h for what they hold.
//
// A record is a 24-byte head (little endian: u32 size of what follows the head, u32 checksum of it, u64 sequence,
// i64 Unix nanoseconds) and a body: u8 stream, u8 size of the function id, u8 size of the task id, both ids, the text.
// With bit 7 of the stream set, the ids are followed by u8 size and text of the input id and of the function call id.
// A record that was cut off by a crash fails its size or checksum; reading stops before it, and appending overwrites
// it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "store/logs.h"

namespace bimodal::store {

inline constexpr std::size_t kMaxLogText = 64 * 1024;

struct LogSegment {
  std::filesystem::path path;        // <first sequence, 20 digits>.log
  std::uint64_t first_sequence = 0;  // of the first record, also when there is none yet
  std::uint64_t bytes = 0;           // up to the last whole record
};

// `record` in the file's form. Text past kMaxLogText is cut.
std::string encode_record(const LogRecord& record);

// Calls `visit` for every whole record among the first `segment.bytes` of the file, until it returns false. Returns the
// size of the part that was read whole. A file that is gone reads as empty: a reader may race with the dropping of old
// segments.
std::uint64_t read_segment(
    const LogSegment& segment, const std::string& app_id, const std::function<bool(LogRecord)>& visit);

}  // namespace bimodal::store
