// Where the frames of an HTTP/2 connection begin in the bytes that come, and what they are (RFC 9113 §4.1), for rules
// that must be applied before nghttp2 reads a frame. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bimodal::http {

struct FrameHead {
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  std::int32_t stream = 0;
};

class FrameScan {
 public:
  static constexpr std::size_t kHeadSize = 9;

  struct Piece {
    std::optional<FrameHead> begun;  // the frame whose head is complete with it
    std::string_view bytes;          // to be read before it asks again, maybe none; of the scan, where a head was kept
    std::size_t taken = 0;           // how much of what it was given it is
  };

  // `skip` bytes come before the first frame.
  explicit FrameScan(std::size_t skip) : left_(skip) {}

  // What of `bytes`, which aren't empty, belongs together. A head that comes in pieces is kept until it is whole:
  // nghttp2 1.52 counts each piece of a CONTINUATION's head as one frame more.
  Piece next(std::string_view bytes) {
    if (left_ > 0) {
      const std::size_t taken = take(bytes.size());
      return {{}, bytes.substr(0, taken), taken};
    }
    const bool in_pieces = have_ > 0;
    const std::size_t of_head = std::min(bytes.size(), kHeadSize - have_);
    std::copy_n(bytes.begin(), of_head, head_.begin() + static_cast<std::ptrdiff_t>(have_));
    have_ += of_head;
    if (have_ < kHeadSize) return {{}, {}, of_head};
    have_ = 0;
    const FrameHead begun{
        number(0, 3), static_cast<std::uint8_t>(head_[3]), static_cast<std::int32_t>(number(5, 4) & 0x7fffffffu)};
    left_ = begun.length;
    if (in_pieces) return {begun, {head_.data(), kHeadSize}, of_head};
    const std::size_t taken = of_head + take(bytes.size() - of_head);
    return {begun, bytes.substr(0, taken), taken};
  }

 private:
  std::size_t take(std::size_t size) {
    const std::size_t taken = std::min(size, left_);
    left_ -= taken;
    return taken;
  }

  std::uint32_t number(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + size; ++i) value = value << 8 | static_cast<unsigned char>(head_[i]);
    return value;
  }

  std::size_t left_;  // of what was begun
  std::size_t have_ = 0;
  std::array<char, kHeadSize> head_{};
};

}  // namespace bimodal::http
