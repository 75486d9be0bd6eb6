#include "target_text.h"

namespace bimodal::runner {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The port that `digits` name, 0 when they name none.
unsigned parse_port(std::string_view digits) {
  unsigned port = 0;
  for (char c : digits) {
    if (c < '0' || c > '9' || port > 65535) return 0;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port > 65535 ? 0 : port;
}

}  // namespace

std::string percent_decoded(std::string_view raw) {
  std::string decoded;
  decoded.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escape = raw[i] == '%' && i + 2 < raw.size() && hex_digit(raw[i + 1]) >= 0 && hex_digit(raw[i + 2]) >= 0;
    decoded += escape ? static_cast<char>(hex_digit(raw[i + 1]) * 16 + hex_digit(raw[i + 2])) : raw[i];
    if (escape) i += 2;
  }
  return decoded;
}

HostPort split_host(std::string_view text) {
  HostPort out{text};
  const std::size_t colon = text.rfind(':');
  // A colon inside brackets belongs to an IPv6 address.
  if (colon != text.npos && text.find(']', colon) == text.npos) {
    out = {text.substr(0, colon), parse_port(text.substr(colon + 1))};
  }
  const bool bracketed = out.host.size() >= 2 && out.host.front() == '[' && out.host.back() == ']';
  if (bracketed) out.host = out.host.substr(1, out.host.size() - 2);
  return out;
}

}  // namespace bimodal::runner
