// Checks text that arrives in pieces for valid UTF-8 (RFC 3629). Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace bimodal::http {

class Utf8Check {
 public:
  // False as soon as no continuation could make the text valid: no overlong form, no surrogate, nothing beyond
  // U+10FFFF.
  bool feed(std::string_view bytes);
  // Whether the text may end here: not in the middle of a character.
  bool complete() const { return left_ == 0; }

 private:
  bool begin(unsigned char byte);

  std::uint8_t left_ = 0;  // continuation bytes that the character still needs
  // What the next of them may be. Only the first is ever narrower than all of them.
  std::uint8_t lowest_ = 0x80;
  std::uint8_t highest_ = 0xbf;
};

}  // namespace bimodal::http
