#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

namespace bimodal::http {
namespace {

const sockaddr_in& v4(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in&>(storage);
}
const sockaddr_in6& v6(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in6&>(storage);
}

bool set_v4(const std::string& host, Address& address) {
  auto& target = reinterpret_cast<sockaddr_in&>(address.storage);
  target.sin_family = AF_INET;
  address.size = sizeof target;
  return ::inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(), &target.sin_addr) == 1;
}

bool set_v6(const std::string& host, Address& address) {
  auto& target = reinterpret_cast<sockaddr_in6&>(address.storage);
  target.sin6_family = AF_INET6;
  address.size = sizeof target;
  return ::inet_pton(AF_INET6, host.c_str(), &target.sin6_addr) == 1;
}

}  // namespace

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) ::inet_ntop(AF_INET, &v4(storage).sin_addr, text, sizeof text);
  if (storage.ss_family == AF_INET6) ::inet_ntop(AF_INET6, &v6(storage).sin6_addr, text, sizeof text);
  return text;
}

// sin_port and sin6_port lie at the same place.
std::uint16_t Address::port() const {
  return ntohs(v4(storage).sin_port);
}

void Address::set_port(std::uint16_t port) {
  reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
}

bool Address::is_loopback() const {
  if (storage.ss_family == AF_INET) return (ntohl(v4(storage).sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  if (storage.ss_family != AF_INET6) return false;
  const in6_addr& address = v6(storage).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return address.s6_addr[12] == IN_LOOPBACKNET;
  return IN6_IS_ADDR_LOOPBACK(&address);
}

Result<Address> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    return error(Code::InvalidArgument, "address '{}' has no port; write HOST:PORT, e.g. 127.0.0.1:8080", text);
  }
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return error(Code::InvalidArgument, "address '{}': the port must be a number up to 65535", text);
  }
  std::string host = text.substr(0, colon);
  Address address;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const bool known = bracketed ? set_v6(host.substr(1, host.size() - 2), address) : set_v4(host, address);
  if (!known) {
    return error(
        Code::InvalidArgument, "address '{}': '{}' is neither an IPv4 address, an IPv6 one in brackets nor localhost",
        text, host);
  }
  address.set_port(port);
  return address;
}

}  // namespace bimodal::http
