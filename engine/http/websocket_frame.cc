#include "http/websocket_frame.h"

#include <cstring>

namespace bimodal::http {
namespace {

constexpr std::uint8_t kFin = 0x80;
constexpr std::uint8_t kRsv1 = 0x40;
constexpr std::uint8_t kOtherRsv = 0x30;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kSize16 = 126;
constexpr std::uint8_t kSize64 = 127;
constexpr std::size_t kMaskSize = 4;

std::uint64_t load_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

FrameResult bad(const char* reason) {
  return {.outcome = FrameResult::Outcome::Bad, .reason = reason};
}

bool is_known(std::uint8_t opcode) {
  return opcode <= 2 || (opcode >= 8 && opcode <= 10);
}

// What the first two bytes alone can tell; null when nothing is wrong with them.
const char* find_fault(std::uint8_t first, std::uint8_t second, bool may_compress) {
  const std::uint8_t opcode = first & 0x0f;
  if ((first & kOtherRsv) != 0) return "a reserved bit is set";
  if (!is_known(opcode)) return "an unknown opcode";
  const bool control = opcode >= 8;
  if ((first & kRsv1) != 0 && (!may_compress || control || opcode == 0)) return "a reserved bit is set";
  if (control && (first & kFin) == 0) return "a fragmented control frame";
  if (control && (second & ~kMasked) > 125) return "a control frame with more than 125 bytes";
  if ((second & kMasked) == 0) return "a frame that isn't masked";
  return nullptr;
}

}  // namespace

FrameResult parse_frame_header(std::string_view bytes, bool may_compress, WebSocketFrame& frame) {
  if (bytes.size() < 2) return {};
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  const auto second = static_cast<std::uint8_t>(bytes[1]);
  if (const char* fault = find_fault(first, second, may_compress)) return bad(fault);
  const std::uint8_t short_size = second & ~kMasked;
  const std::size_t size_bytes = short_size == kSize64 ? 8 : short_size == kSize16 ? 2 : 0;
  const std::size_t whole = 2 + size_bytes + kMaskSize;
  if (bytes.size() < whole) return {};
  frame.opcode = static_cast<Opcode>(first & 0x0f);
  frame.fin = (first & kFin) != 0;
  frame.compressed = (first & kRsv1) != 0;
  frame.size = size_bytes == 0 ? short_size : load_big_endian(bytes.substr(2, size_bytes));
  if (size_bytes == 2 && frame.size < kSize16) return bad("a length that isn't in its shortest form");
  if (size_bytes == 8 && frame.size <= 0xffff) return bad("a length that isn't in its shortest form");
  if (frame.size >> 63 != 0) return bad("a length with its highest bit set");
  std::memcpy(frame.mask.data(), bytes.data() + 2 + size_bytes, kMaskSize);
  return {.outcome = FrameResult::Outcome::Complete, .size = whole};
}

void append_frame_header(std::string& out, const WebSocketFrame& frame) {
  const auto opcode = static_cast<std::uint8_t>(frame.opcode);
  out.push_back(static_cast<char>(opcode | (frame.fin ? kFin : 0) | (frame.compressed ? kRsv1 : 0)));
  if (frame.size < kSize16) {
    out.push_back(static_cast<char>(frame.size));
  } else if (frame.size <= 0xffff) {
    out.push_back(static_cast<char>(kSize16));
    append_big_endian(out, frame.size, 2);
  } else {
    out.push_back(static_cast<char>(kSize64));
    append_big_endian(out, frame.size, 8);
  }
}

void apply_mask(char* data, std::size_t size, const std::array<char, 4>& mask, std::uint64_t offset) {
  std::array<char, 8> rotated;
  for (std::size_t i = 0; i < rotated.size(); ++i) rotated[i] = mask[(offset + i) % kMaskSize];
  std::uint64_t wide;
  std::memcpy(&wide, rotated.data(), sizeof wide);
  std::size_t i = 0;
  for (; i + sizeof wide <= size; i += sizeof wide) {
    std::uint64_t word;
    std::memcpy(&word, data + i, sizeof word);
    word ^= wide;
    std::memcpy(data + i, &word, sizeof word);
  }
  for (; i < size; ++i) data[i] = static_cast<char>(data[i] ^ rotated[i % kMaskSize]);
}

}  // namespace bimodal::http
