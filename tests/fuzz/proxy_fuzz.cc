// PROXY headers, sets of networks and X-Forwarded-For of arbitrary bytes: no crash, and a header is the same however
// its bytes are cut.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/origin.h"
#include "http/proxy_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimodal;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = http::proxy_header_size(bytes.substr(0, http::kProxyStart));
  for (std::size_t cut = 0; whole && cut < http::kProxyStart && cut < size; ++cut) {
    if (!http::proxy_header_size(bytes.substr(0, cut))) std::abort();
  }
  if (whole && *whole > http::kMaxProxyHeader) std::abort();
  if (whole && *whole != 0 && size >= *whole) (void)http::proxied_address(bytes.substr(0, *whole));
  const auto networks = http::Networks::parse(bytes);
  static const http::Networks trusted = http::Networks::parse("10.0.0.0/8, 2001:db8::/32").value();
  static const http::Address peer = http::parse_ip("10.0.0.1").value();
  if (networks) (void)networks->contain(peer);
  http::RequestHead head;
  head.fields = {{"x-forwarded-for", bytes}, {"x-forwarded-proto", bytes}};
  const auto origin = gateway::forwarded_origin(head, peer, trusted);
  if (origin && !http::parse_ip(origin->host)) std::abort();
  return 0;
}
