#include "gateway/origin.h"

#include <algorithm>
#include <array>

#include "http/chars.h"

namespace bimodal::gateway {
namespace {

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80".
std::optional<http::Address> address_in(std::string_view element) {
  std::string text(element);
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string::npos) return std::nullopt;
    text = text.substr(1, end - 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    text.resize(text.find(':'));
  }
  auto address = http::parse_ip(text);
  if (!address) return std::nullopt;
  return *address;
}

// The elements of all fields of that name, from the left.
std::vector<std::string_view> elements_of(const http::RequestHead& head, std::string_view name) {
  std::vector<std::string_view> elements;
  for (const http::Field& field : head.fields) {
    if (field.name != name) continue;
    http::for_each_element(field.value, [&](std::string_view element) { elements.push_back(element); });
  }
  return elements;
}

}  // namespace

std::optional<Origin> forwarded_origin(
    const http::RequestHead& head, const http::Address& peer, const http::Networks& trusted) {
  if (!trusted.contain(peer)) return std::nullopt;
  std::optional<Origin> origin;
  const auto hops = elements_of(head, "x-forwarded-for");
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    const auto address = address_in(*hop);
    if (!address) break;  // whoever wrote that can't be told from its caller
    origin = Origin{*address, address->host(), std::nullopt};
    if (!trusted.contain(*address)) break;
  }
  if (!origin) return std::nullopt;
  const auto schemes = elements_of(head, "x-forwarded-proto");
  if (!schemes.empty() && (schemes.back() == "https" || schemes.back() == "http")) {
    origin->https = schemes.back() == "https";
  }
  return origin;
}

bool is_forwarding_field(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames{
      "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

}  // namespace bimodal::gateway
