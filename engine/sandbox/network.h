// A sandbox's network namespace: loopback, and eth0 with an IPv4 address.
//
// eth0 is one end of a veth. With Network::Egress the other end stays on the host, which routes the sandbox's single
// address to it and masquerades (firewall.h); rootless, eth0 is slirp4netns's (slirp.h), and the addresses of the
// host's own interfaces have no route. With Network::None both ends are inside and lead nowhere. A veth is never
// removed by hand: it goes with the namespace, and removing it synchronously costs 30 ms.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "sandbox/launcher.h"
#include "sandbox/netlink.h"

namespace bimodal::sandbox {

struct NetworkPlan {
  Network network = Network::None;
  Ipv4 address;           // eth0's
  Ipv4 gateway;           // the host's end
  std::string host_name;  // of the host's end
  std::uint32_t mtu = 1500;
  std::optional<Ipv4> resolver;           // none: the host's
  int process = -1;                       // pidfd: enter its network namespace instead of making one
  int slirp_made = -1, slirp_ready = -1;  // SlirpSignals, where slirp4netns is the way out
};

// Moves the calling process into a new network namespace and sets that up. Needs CAP_NET_ADMIN here and there.
Result<void> enter_network(const NetworkPlan& plan);

}  // namespace bimodal::sandbox
