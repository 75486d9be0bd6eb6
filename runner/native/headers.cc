#include "headers.h"

#include <array>
#include <cstdint>
#include <cstring>

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

// The known name as a shared object, null for any other.
PyObject* known_name(std::string_view name) {
  for (std::size_t slot = slot_of(name); slots[slot].second != nullptr; slot = (slot + 1) % kSlots) {
    if (slots[slot].first == name) return slots[slot].second;
  }
  return nullptr;
}

// The last pairs that were made, found by what they hold. Bounded by kPairs * kMaxCachedValue bytes. Plain pointers,
// because they outlive the interpreter.
constexpr std::size_t kPairs = 256;
constexpr std::size_t kMaxCachedValue = 192;

struct CachedPair {
  PyObject* name = nullptr;
  std::string_view value;  // inside the tuple's second object
  PyObject* tuple = nullptr;
};
std::array<CachedPair, kPairs> pairs;

// Values that are secrets or change with every request aren't kept.
bool is_cacheable(std::string_view name, std::string_view value) {
  return value.size() <= kMaxCachedValue && name != "cookie" && name != "authorization" && name != "content-length" &&
         name != "x-request-id" && name != "traceparent";
}

std::size_t pair_slot(PyObject* name, std::string_view value) {
  std::uint64_t first = 0, last = 0;
  const std::size_t size = value.size() < 8 ? value.size() : 8;
  std::memcpy(&first, value.data(), size);
  std::memcpy(&last, value.data() + value.size() - size, size);
  const std::uint64_t mixed =
      (first ^ (last << 7) ^ (reinterpret_cast<std::uintptr_t>(name) >> 4) ^ value.size()) * 0x9e3779b97f4a7c15ULL;
  return mixed >> 56;
}

Ref new_pair(Ref name, Ref value) {
  Ref pair = Ref::steal(PyTuple_New(2));
  if (!pair || !name || !value) return Ref();
  PyTuple_SetItem(pair.get(), 0, name.release());
  PyTuple_SetItem(pair.get(), 1, value.release());
  return pair;
}

Ref header_pair(const wire::Header& header) {
  PyObject* name = known_name(header.name);
  if (name == nullptr) return new_pair(Ref::steal(bytes_from(header.name)), Ref::steal(bytes_from(header.value)));
  if (!is_cacheable(header.name, header.value))
    return new_pair(Ref::borrow(name), Ref::steal(bytes_from(header.value)));
  CachedPair& cached = pairs[pair_slot(name, header.value)];
  if (cached.name == name && cached.value == header.value) return Ref::borrow(cached.tuple);
  PyObject* value = bytes_from(header.value);
  Ref pair = new_pair(Ref::borrow(name), Ref::steal(value));
  if (pair) {
    Ref replaced = Ref::steal(cached.tuple);
    cached.name = name;
    cached.value = {PyBytes_AsString(value), header.value.size()};
    cached.tuple = Ref::borrow(pair.get()).release();
  }
  return pair;
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

Ref header_list(const wire::Headers& headers) {
  Ref list = Ref::steal(PyList_New(static_cast<Py_ssize_t>(headers.size())));
  for (std::size_t i = 0; list && i < headers.size(); ++i) {
    Ref pair = header_pair(headers[i]);
    if (!pair) return Ref();
    PyList_SetItem(list.get(), static_cast<Py_ssize_t>(i), pair.release());
  }
  return list;
}

}  // namespace bimodal::runner
