#include "http/networks.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace bimodal::http {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr int kBits = 128;
constexpr int kIpv4Start = 96;  // bits of ::ffff:0:0/96

Bytes bytes_of(const Address& address) {
  Bytes bytes{};
  if (address.storage.ss_family == AF_INET6) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr, bytes.size());
  } else {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes.data() + 12, &reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr, 4);
  }
  return bytes;
}

bool share_prefix(const Bytes& left, const Bytes& right, int prefix) {
  const auto whole = static_cast<std::size_t>(prefix / 8);
  if (!std::equal(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(whole), right.begin())) return false;
  const int rest = prefix % 8;
  return rest == 0 || (left[whole] ^ right[whole]) >> (8 - rest) == 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::uint64_t client_network(const Address& client) {
  std::uint64_t network = 0;
  if (client.storage.ss_family == AF_INET) {
    network = reinterpret_cast<const sockaddr_in&>(client.storage).sin_addr.s_addr;
  } else if (client.storage.ss_family == AF_INET6) {
    const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(client.storage).sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&address);
    std::memcpy(&network, address.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
  }
  return network;
}

Result<Address> parse_ip(const std::string& text) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    address.size = sizeof v4;
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    address.size = sizeof v6;
  } else {
    return error(Code::InvalidArgument, "'{}' isn't an IP address", text);
  }
  return address;
}

Result<Networks> Networks::parse(std::string_view text) {
  Networks all;
  while (!trimmed(text).empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string one(trimmed(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t slash = std::min(one.find('/'), one.size());
    TRY(const Address address, parse_ip(one.substr(0, slash)));
    const bool is_v4 = address.storage.ss_family == AF_INET;
    Network network{bytes_of(address), kBits};
    if (slash < one.size()) {
      const char* end = one.data() + one.size();
      const auto parsed = std::from_chars(one.data() + slash + 1, end, network.prefix);
      const int most = is_v4 ? kBits - kIpv4Start : kBits;
      if (parsed.ec != std::errc() || parsed.ptr != end || network.prefix < 0 || network.prefix > most) {
        return error(Code::InvalidArgument, "'{}': the prefix must be a number from 0 to {}", one, most);
      }
      if (is_v4) network.prefix += kIpv4Start;
    }
    Bytes masked = network.bytes;
    for (int bit = network.prefix; bit < kBits; ++bit) masked[static_cast<std::size_t>(bit / 8)] &= ~(0x80 >> bit % 8);
    if (masked != network.bytes) return error(Code::InvalidArgument, "'{}' has bits set behind its prefix", one);
    all.networks_.push_back(network);
  }
  return all;
}

bool Networks::contain(const Address& address) const {
  if (networks_.empty()) return false;
  if (address.storage.ss_family != AF_INET && address.storage.ss_family != AF_INET6) return false;
  const Bytes bytes = bytes_of(address);
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    return share_prefix(bytes, network.bytes, network.prefix);
  });
}

}  // namespace bimodal::http
