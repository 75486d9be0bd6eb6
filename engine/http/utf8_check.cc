#include "http/utf8_check.h"

#include <cstring>

namespace bimodal::http {

bool Utf8Check::feed(std::string_view bytes) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (left_ == 0 && i + 8 <= bytes.size()) {
      // Eight characters of ASCII at once: most of what is sent.
      std::uint64_t word;
      std::memcpy(&word, bytes.data() + i, sizeof word);
      if ((word & kHighBits) == 0) {
        i += 7;
        continue;
      }
    }
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (left_ == 0) {
      if (byte >= 0x80 && !begin(byte)) return false;
      continue;
    }
    if (byte < lowest_ || byte > highest_) return false;
    lowest_ = 0x80;
    highest_ = 0xbf;
    --left_;
  }
  return true;
}

// The first byte of a longer character: table 3-7 of the Unicode standard.
bool Utf8Check::begin(unsigned char byte) {
  if (byte < 0xc2 || byte > 0xf4) return false;
  left_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  if (byte == 0xe0) lowest_ = 0xa0;
  if (byte == 0xed) highest_ = 0x9f;
  if (byte == 0xf0) lowest_ = 0x90;
  if (byte == 0xf4) highest_ = 0x8f;
  return true;
}

}  // namespace bimodal::http
