// For tests of HTTP/2: frames and header blocks by hand, right and wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/server_connection.h"

namespace bimodal::http::h2 {

enum Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kReset,
  kSettings,
  kPush,
  kPing,
  kGoaway,
  kWindow,
  kContinuation
};
enum Flag : std::uint8_t { kNone = 0, kEnd = 1, kAck = 1, kEndHead = 4, kPadded = 8, kWithPriority = 32 };

inline std::string number(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

// A frame; `length` is what its head says where that isn't the truth.
inline std::string frame(int type, int flags, std::uint32_t stream, std::string_view payload, int length = -1) {
  const auto size = static_cast<std::uint64_t>(length < 0 ? static_cast<int>(payload.size()) : length);
  return number(size, 3) + number(static_cast<std::uint64_t>(type), 1) + number(static_cast<std::uint64_t>(flags), 1) +
         number(stream, 4) + std::string(payload);
}

// A string or an index of HPACK (RFC 7541 §5).
inline std::string integer(std::size_t value, int prefix_bits, int first = 0) {
  const std::size_t most = (1u << prefix_bits) - 1;
  if (value < most) return {static_cast<char>(first | static_cast<int>(value))};
  std::string bytes{static_cast<char>(first | static_cast<int>(most))};
  for (value -= most; value >= 128; value >>= 7) bytes.push_back(static_cast<char>(value % 128 + 128));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

inline std::string literal(std::string_view name, std::string_view value) {
  return std::string(1, '\0') + integer(name.size(), 7) + std::string(name) + integer(value.size(), 7) +
         std::string(value);
}

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string block(const Fields& fields) {
  std::string bytes;
  for (const auto& [name, value] : fields) bytes += literal(name, value);
  return bytes;
}

inline Fields request(std::string path, std::string method = "GET", Fields more = {}) {
  Fields fields{{":method", std::move(method)}, {":scheme", "http"}, {":path", std::move(path)}, {":authority", "a"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

inline std::string head(std::uint32_t stream, const Fields& fields, int flags = kEnd | kEndHead) {
  return frame(kHeaders, flags, stream, block(fields));
}

inline std::string get(std::uint32_t stream, std::string path = "/now") {
  return head(stream, request(std::move(path)));
}

inline std::string post(std::uint32_t stream, std::string path = "/echo", Fields more = {}) {
  return head(stream, request(std::move(path), "POST", std::move(more)), kEndHead);
}

inline std::string data(std::uint32_t stream, std::string_view bytes, int flags = kNone) {
  return frame(kData, flags, stream, bytes);
}

inline std::string setting(int id, std::uint32_t value) {
  return number(static_cast<std::uint64_t>(id), 2) + number(value, 4);
}

inline Fields websocket(std::string path = "/socket") {
  return {{":method", "CONNECT"},     {":protocol", "websocket"}, {":scheme", "http"},
          {":path", std::move(path)}, {":authority", "a"},        {"sec-websocket-version", "13"}};
}

inline const std::string kHello = std::string(kHttp2Preface) + frame(kSettings, 0, 0, "");

}  // namespace bimodal::http::h2
