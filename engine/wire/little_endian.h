// Loads and stores of little-endian integers at any alignment.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace bimodal::wire {

static_assert(std::endian::native == std::endian::little, "frames are copied as they lie in memory");

inline std::uint16_t load_u16(const char* bytes) {
  std::uint16_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

inline std::uint32_t load_u32(const char* bytes) {
  std::uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

inline void store_u16(char* out, std::uint16_t value) {
  std::memcpy(out, &value, sizeof value);
}

inline void store_u32(char* out, std::uint32_t value) {
  std::memcpy(out, &value, sizeof value);
}

}  // namespace bimodal::wire
