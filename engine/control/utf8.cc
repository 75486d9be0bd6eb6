#include "control/utf8.h"

#include <algorithm>

namespace bimodal::control {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// What a lead byte announces, 0 for a byte that can't lead (Unicode 15, table 3-7).
std::size_t announced_size(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// Whether `second` may follow `lead`: shuts out overlong forms, surrogates and what lies past U+10FFFF.
bool may_follow(unsigned char lead, unsigned char second) {
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return second >= low && second <= high;
}

// Size of the valid sequence at the front of `text`, 0 when there is none.
std::size_t sequence_size(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t size = announced_size(byte(0));
  if (size == 0 || size > text.size()) return 0;
  if (size > 1 && !may_follow(byte(0), byte(1))) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

std::string valid_utf8(std::string text) {
  std::string out;
  std::size_t copied = 0;  // `out` stays empty while everything is valid
  for (std::size_t at = 0; at < text.size();) {
    std::size_t size = sequence_size(std::string_view(text).substr(at));
    if (size == 0) {
      out.append(text, copied, at - copied).append(kReplacement);
      copied = at + 1;
    }
    at += std::max<std::size_t>(size, 1);
  }
  if (copied == 0) return text;
  return out.append(text, copied);
}

std::size_t whole_characters(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    return announced_size(byte) > back ? text.size() - back : text.size();
  }
  return text.size();
}

}  // namespace bimodal::control
