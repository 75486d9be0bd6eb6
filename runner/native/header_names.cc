#include "header_names.h"

#include <array>
#include <cstdint>

namespace bimodal::runner {
namespace {

constexpr std::string_view kKnown[] = {
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
};

constexpr std::size_t kSlots = 256;  // a power of two, several times the known names: short probes
std::array<std::pair<std::string_view, PyObject*>, kSlots> slots;

std::size_t slot_of(std::string_view name) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(name[i]); };
  if (name.empty()) return 0;
  return (name.size() * 31 + at(0) * 7 + at(name.size() / 2) * 131 + at(name.size() - 1) * 17) % kSlots;
}

}  // namespace

bool make_header_names() {
  for (std::string_view name : kKnown) {
    std::size_t slot = slot_of(name);
    while (slots[slot].second != nullptr) slot = (slot + 1) % kSlots;
    slots[slot] = {name, bytes_from(name)};
    if (slots[slot].second == nullptr) return false;
  }
  return true;
}

Ref header_name(std::string_view name) {
  for (std::size_t slot = slot_of(name); slots[slot].second != nullptr; slot = (slot + 1) % kSlots) {
    if (slots[slot].first == name) return Ref::borrow(slots[slot].second);
  }
  return Ref::steal(bytes_from(name));
}

}  // namespace bimodal::runner
