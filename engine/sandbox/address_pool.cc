#include "sandbox/address_pool.h"

#include <arpa/inet.h>

#include <algorithm>
#include <sstream>

namespace bimodal::sandbox {

namespace {

constexpr std::uint32_t kFirstNetwork = 128, kNetworks = 120;  // 10.128.0.0/16 … 10.247.0.0/16
constexpr std::uint32_t kNetworkMask = 0xFFFF0000;

struct Destination {
  std::uint32_t address, mask;
};

// The columns of /proc/net/route are little-endian hex: Iface Destination Gateway Flags RefCnt Use Metric Mask …
std::vector<Destination> destinations(std::string_view routes) {
  std::vector<Destination> found;
  std::istringstream lines{std::string(routes)};
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string interface, address, skipped, mask;
    words >> interface >> address >> skipped >> skipped >> skipped >> skipped >> skipped >> mask;
    if (!words) continue;
    Destination route{
        ntohl(static_cast<std::uint32_t>(std::stoul(address, nullptr, 16))),
        ntohl(static_cast<std::uint32_t>(std::stoul(mask, nullptr, 16)))};
    if (route.mask != 0) found.push_back(route);
  }
  return found;
}

}  // namespace

Result<std::uint32_t> AddressPool::take() {
  if (taken_.size() > kLastAddressIndex - kFirstAddressIndex) {
    return error(Code::ResourceExhausted, "sandbox: every address of {} is in use", cidr());
  }
  while (taken_.contains(next_)) next_ = next_ == kLastAddressIndex ? kFirstAddressIndex : next_ + 1;
  std::uint32_t index = next_;
  taken_.insert(index);
  next_ = index == kLastAddressIndex ? kFirstAddressIndex : index + 1;
  return index;
}

Result<Ipv4> choose_network(std::string_view routes, const std::vector<std::string>& avoid, std::uint64_t seed) {
  auto used = destinations(routes);
  for (const auto& text : avoid) {
    in_addr address{};
    if (::inet_pton(AF_INET, text.c_str(), &address) == 1) used.push_back({ntohl(address.s_addr), 0xFFFFFFFF});
  }
  for (std::uint32_t i = 0; i < kNetworks; ++i) {
    auto second = kFirstNetwork + static_cast<std::uint32_t>((seed + i) % kNetworks);
    std::uint32_t network = (10u << 24) | (second << 16);
    auto meets = [network](const Destination& route) {
      std::uint32_t common = route.mask & kNetworkMask;
      return (route.address & common) == (network & common);
    };
    if (std::none_of(used.begin(), used.end(), meets)) return Ipv4{network};
  }
  return error(Code::ResourceExhausted, "sandbox: no free 10.x.0.0/16: the host routes all of 10.128.0.0/9");
}

}  // namespace bimodal::sandbox
