// Text of the configuration file, the environment and flags to values. Thread-safe: pure functions.
//
// Each fails with InvalidArgument that says what would be right; the caller names the key.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace bimodal::cli {

// "250ms", "30s", "5m", "2h", "7d"; a bare number means seconds.
Result<std::chrono::milliseconds> parse_duration(const std::string& text);

// "4GiB", "64 KiB", "10MiB", or a bare number of bytes.
Result<std::uint64_t> parse_size(const std::string& text);

// A whole number from `lowest` to `highest`.
Result<int> parse_count(const std::string& text, int lowest, int highest);

// "true" or "false".
Result<bool> parse_bool(const std::string& text);

// "HOST:PORT", given back as it came. Port 0 lets the system choose.
Result<std::string> parse_address(const std::string& text);

}  // namespace bimodal::cli
