#include "acme/names.h"

#include <algorithm>

namespace bimodal::acme {
namespace {

constexpr std::size_t kMaxName = 253;  // RFC 1035, as text
constexpr std::size_t kMaxLabel = 63;

bool is_label(std::string_view label) {
  auto belongs = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), belongs);
}

}  // namespace

bool is_name(std::string_view text) {
  if (text.size() > kMaxName) return false;
  if (is_wildcard(text)) text.remove_prefix(2);
  int labels = 1;
  for (std::size_t dot = text.find('.'); dot != text.npos; dot = text.find('.'), ++labels) {
    if (!is_label(text.substr(0, dot))) return false;
    text.remove_prefix(dot + 1);
  }
  return is_label(text) && labels >= 2;
}

std::string wildcard_over(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == name.npos || dot == 0 ? std::string() : "*" + std::string(name.substr(dot));
}

}  // namespace bimodal::acme
