#include "http/websocket_trail.h"

#include <algorithm>
#include <array>

#include "http/websocket_frame.h"

namespace bimodal::http {
namespace {

constexpr std::size_t kMaskSize = 4;
constexpr std::uint8_t kMasked = 0x80;

std::size_t extended_size(std::uint8_t short_size) {
  return short_size == 127 ? 8 : short_size == 126 ? 2 : 0;
}

}  // namespace

void WebSocketTrail::pass(std::string_view bytes) {
  while (!bytes.empty()) bytes.remove_prefix(pass_frame(bytes));
}

std::size_t WebSocketTrail::pass_frame(std::string_view bytes) {
  std::size_t passed = 0;
  while (left_ == 0 && passed < bytes.size()) {
    header_[size_++] = bytes[passed++];
    if (size_ < 2) continue;
    const auto second = static_cast<std::uint8_t>(header_[1]);
    const std::size_t extended = extended_size(second & ~kMasked);
    if (size_ < 2 + extended + ((second & kMasked) != 0 ? kMaskSize : 0)) continue;
    left_ = extended == 0 ? second & ~kMasked : 0;
    for (std::size_t i = 0; i < extended; ++i) left_ = left_ << 8 | static_cast<std::uint8_t>(header_[2 + i]);
    closed_ = closed_ || static_cast<Opcode>(header_[0] & 0x0f) == Opcode::Close;
    size_ = 0;
    if (left_ == 0) return passed;
  }
  const std::size_t payload = std::min<std::uint64_t>(left_, bytes.size() - passed);
  left_ -= payload;
  return passed + payload;
}

std::string close_frame(Side side, std::uint16_t code, std::string_view reason) {
  std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code)};
  payload.append(reason.substr(0, 123));
  std::string frame;
  append_frame_header(frame, {.opcode = Opcode::Close, .size = payload.size()});
  if (side == Side::Server) return frame + payload;
  // Masks are against caches on a browser's way, of which there are none here.
  constexpr std::array<char, kMaskSize> kMask = {'m', 'a', 's', 'k'};
  frame[1] = static_cast<char>(frame[1] | kMasked);
  apply_mask(payload.data(), payload.size(), kMask, 0);
  return frame.append(kMask.data(), kMask.size()) + payload;
}

}  // namespace bimodal::http
