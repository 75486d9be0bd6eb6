// Sets of addresses in CIDR notation. Immutable once made.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/address.h"

namespace bimodal::http {

class Networks {
 public:
  Networks() = default;
  // "10.0.0.0/8", "2001:db8::/32", or one address; any number of them with commas between. InvalidArgument names the
  // one that isn't such, also when bits behind the prefix are set.
  static Result<Networks> parse(std::string_view text);

  bool empty() const { return networks_.empty(); }
  // An IPv4 address in IPv6 clothes counts as that IPv4 address.
  bool contain(const Address& address) const;

 private:
  struct Network {
    std::array<std::uint8_t, 16> bytes{};  // IPv4 as ::ffff:…
    int prefix = 0;
  };
  std::vector<Network> networks_;
};

// The bytes by which a client is told from another: an IPv4 address, in IPv6 clothes or not, or an IPv6 network of 64
// bits (RFC 4291 §2.5.4: who has one address has them all). 0 for a socket that is neither.
std::uint64_t client_network(const Address& client);

// An address without a port, "192.0.2.1" or "2001:db8::1"; nothing else. Its port is 0.
Result<Address> parse_ip(const std::string& text);

}  // namespace bimodal::http
