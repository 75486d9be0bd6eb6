// IPv4 addresses for sandboxes: one private /16 per home, chosen beside the host's own routes.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/netlink.h"

namespace bimodal::sandbox {

inline constexpr std::uint32_t kGatewayIndex = 1;  // 10.x.0.1: the host's end of every veth
inline constexpr std::uint32_t kFirstAddressIndex = 2;
inline constexpr std::uint32_t kLastAddressIndex = 65'534;

class AddressPool {
 public:
  // `network` is the pool's first address, e.g. 10.200.0.0.
  explicit AddressPool(Ipv4 network) : network_(network) {}

  // The next free index, round robin: a veth of the kernel outlives its sandbox by some milliseconds.
  Result<std::uint32_t> take();
  void give_back(std::uint32_t index) { taken_.erase(index); }

  Ipv4 address(std::uint32_t index) const { return Ipv4{network_.value + index}; }
  Ipv4 network() const { return network_; }
  Ipv4 gateway() const { return address(kGatewayIndex); }
  std::string cidr() const { return network_.text() + "/16"; }

 private:
  Ipv4 network_;
  std::set<std::uint32_t> taken_;
  std::uint32_t next_ = kFirstAddressIndex;
};

// A 10.x.0.0/16 that touches no destination in `routes` (the text of /proc/net/route) and holds none of `avoid`
// (addresses); the search starts at a place that depends on `seed`. ResourceExhausted when every one is in use.
Result<Ipv4> choose_network(std::string_view routes, const std::vector<std::string>& avoid, std::uint64_t seed);

}  // namespace bimodal::sandbox
