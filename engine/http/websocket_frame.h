// Frames of RFC 6455 §5 as a server reads and writes them. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bimodal::http {

enum class Opcode : std::uint8_t { Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10 };

constexpr bool is_control(Opcode opcode) {
  return (static_cast<std::uint8_t>(opcode) & 8) != 0;
}

struct WebSocketFrame {
  Opcode opcode = Opcode::Continuation;
  bool fin = true;
  bool compressed = false;  // RSV1, RFC 7692
  std::uint64_t size = 0;   // of the payload
  std::array<char, 4> mask{};
};

struct FrameResult {
  enum class Outcome { NeedMore, Complete, Bad };
  Outcome outcome = Outcome::NeedMore;
  std::size_t size = 0;     // Complete: bytes of the header
  const char* reason = "";  // Bad: one line
};

// Reads the header of a client's frame. Bad: not masked, a reserved bit (RSV1 only unless `may_compress`) or opcode, a
// length not in its shortest form or over 2^63, a control frame that is fragmented, compressed or longer than 125
// bytes.
FrameResult parse_frame_header(std::string_view bytes, bool may_compress, WebSocketFrame& frame);

// Appends the header of a server's frame; its payload isn't masked.
void append_frame_header(std::string& out, const WebSocketFrame& frame);

// Masks or unmasks; `offset` is how much of the frame's payload came before.
void apply_mask(char* data, std::size_t size, const std::array<char, 4>& mask, std::uint64_t offset);

}  // namespace bimodal::http
