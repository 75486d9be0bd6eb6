#include "http/proxy_header.h"

#include <netinet/in.h>

#include <cstring>

namespace bimodal::http {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr unsigned kVersion = 2;
enum class Command : unsigned { Local = 0, Proxy = 1 };
enum class Family : unsigned { Unspecified = 0, Ipv4 = 1, Ipv6 = 2, Unix = 3 };
enum class Kind : unsigned { Unspecified = 0, Stream = 1, Datagram = 2 };
constexpr std::size_t kIpv4Size = 12, kIpv6Size = 36, kUnixSize = 216;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

tl::unexpected<Error> wrong(std::string_view what) {
  return error(Code::InvalidArgument, "the PROXY header is refused: {}", what);
}

// Behind the fixed part: source and destination, then ports. Those of the source.
Address ipv4_source(std::string_view rest) {
  Address address;
  auto& target = reinterpret_cast<sockaddr_in&>(address.storage);
  target.sin_family = AF_INET;
  std::memcpy(&target.sin_addr, rest.data(), 4);
  std::memcpy(&target.sin_port, rest.data() + 8, 2);
  address.size = sizeof target;
  return address;
}

Address ipv6_source(std::string_view rest) {
  Address address;
  auto& target = reinterpret_cast<sockaddr_in6&>(address.storage);
  target.sin6_family = AF_INET6;
  std::memcpy(&target.sin6_addr, rest.data(), 16);
  std::memcpy(&target.sin6_port, rest.data() + 32, 2);
  address.size = sizeof target;
  return address;
}

}  // namespace

Result<std::size_t> proxy_header_size(std::string_view start) {
  const std::size_t known = std::min(start.size(), kSignature.size());
  if (start.substr(0, known) != kSignature.substr(0, known)) return wrong("it is missing, or isn't of version 2");
  if (start.size() > 12 && byte_at(start, 12) >> 4 != kVersion) return wrong("its version isn't 2");
  if (start.size() > 12 && (byte_at(start, 12) & 0x0f) > 1) return wrong("its command is neither LOCAL nor PROXY");
  if (start.size() < kProxyStart) return 0;
  const std::size_t size = kProxyStart + (byte_at(start, 14) << 8) + byte_at(start, 15);
  if (size > kMaxProxyHeader) return wrong("it is too long");
  return size;
}

Result<std::optional<Address>> proxied_address(std::string_view header) {
  TRY(const std::size_t size, proxy_header_size(header.substr(0, kProxyStart)));
  if (size == 0 || header.size() != size) return wrong("its length is another one");
  if (static_cast<Command>(byte_at(header, 12) & 0x0f) == Command::Local) return std::nullopt;
  const auto family = static_cast<Family>(byte_at(header, 13) >> 4);
  const auto kind = static_cast<Kind>(byte_at(header, 13) & 0x0f);
  const std::string_view rest = header.substr(kProxyStart);
  if (family > Family::Unix || kind > Kind::Datagram) return wrong("its family or kind of socket is unknown");
  if (kind == Kind::Datagram) return wrong("it is about datagrams");
  const bool is_ip = family == Family::Ipv4 || family == Family::Ipv6;
  if (is_ip && kind != Kind::Stream) return wrong("its kind of socket isn't a stream");
  switch (family) {
    case Family::Ipv4:
      if (rest.size() < kIpv4Size) return wrong("it is too short for its addresses");
      return ipv4_source(rest);
    case Family::Ipv6:
      if (rest.size() < kIpv6Size) return wrong("it is too short for its addresses");
      return ipv6_source(rest);
    case Family::Unix:
      if (rest.size() < kUnixSize) return wrong("it is too short for its addresses");
      break;
    case Family::Unspecified:
      break;
  }
  return std::nullopt;
}

}  // namespace bimodal::http
