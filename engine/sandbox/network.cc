#include "sandbox/network.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "base/unique_fd.h"

namespace bimodal::sandbox {

namespace {

constexpr int kLoopbackIndex = 1;  // in every new network namespace
constexpr std::uint32_t kLinkLocal = 169U << 24 | 254U << 16;

// Lets the sandbox's root bind ports below 1024, as it could in a container elsewhere; it has no capability for it.
Result<void> open_low_ports() {
  const char* path = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
  UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), "0", 1) != 1) return errno_error(errno, path);
  return {};
}

// The host's end: up, with the gateway's address, and the route to the sandbox's.
Result<void> connect_host(Netlink& host, const NetworkPlan& plan) {
  TRY(int index, host.index_of(plan.host_name));
  TRY_VOID(host.set_up(index));
  TRY_VOID(host.add_address(index, plan.gateway));
  return host.add_route(index, {.target = plan.address});
}

// The host's own addresses at this moment.
Result<std::vector<Ipv4>> host_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return errno_error(errno, "list the host's addresses");
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  std::vector<Ipv4> found;
  for (ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    Ipv4 address{ntohl(reinterpret_cast<sockaddr_in*>(entry->ifa_addr)->sin_addr.s_addr)};
    if (address.value >> 24 != IN_LOOPBACKNET) found.push_back(address);
  }
  return found;
}

Result<void> wait_for_slirp(const NetworkPlan& plan) {
  char byte = '1';
  if (::write(plan.slirp_made, &byte, 1) != 1) return errno_error(errno, "network egress: slirp4netns is gone");
  if (::read(plan.slirp_ready, &byte, 1) == 1) return {};
  return error(Code::FailedPrecondition, "network egress: slirp4netns failed; `bimodal doctor` may tell why");
}

// slirp4netns connects as a process of the host, so that no firewall tells its packets from the user's own: what a
// sandbox must not reach gets no route in there.
Result<void> enter_slirp_network(const NetworkPlan& plan) {
  TRY(auto addresses, host_addresses());
  if (::unshare(CLONE_NEWNET) != 0) return errno_error(errno, "new network namespace");
  TRY_VOID(open_low_ports());
  TRY(Netlink inside, Netlink::open());
  TRY_VOID(inside.set_up(kLoopbackIndex));
  TRY_VOID(wait_for_slirp(plan));
  TRY_VOID(inside.refuse({.target = Ipv4{kLinkLocal}, .bits = 16}));
  for (Ipv4 address : addresses) TRY_VOID(inside.refuse({.target = address}));
  return {};
}

}  // namespace

Result<void> enter_network(const NetworkPlan& plan) {
  if (plan.slirp_made >= 0) return enter_slirp_network(plan);
  TRY(Netlink host, Netlink::open());
  UniqueFd host_namespace(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!host_namespace) return errno_error(errno, "open network namespace");
  const int moved = plan.process >= 0 ? ::setns(plan.process, CLONE_NEWNET) : ::unshare(CLONE_NEWNET);
  if (moved != 0) return errno_error(errno, "new network namespace");
  TRY_VOID(open_low_ports());

  bool egress = plan.network == Network::Egress;
  TRY(Netlink inside, Netlink::open());
  TRY_VOID(inside.set_up(kLoopbackIndex));
  TRY_VOID(inside.make_veth({
      .name = "eth0",
      .peer_name = egress ? plan.host_name : "nowhere",
      .peer_namespace = egress ? host_namespace.get() : -1,
      .mtu = plan.mtu,
  }));
  TRY(int eth0, inside.index_of("eth0"));
  TRY_VOID(inside.add_address(eth0, plan.address));
  TRY_VOID(inside.set_up(eth0));
  if (!egress) return {};
  TRY_VOID(connect_host(host, plan));
  TRY_VOID(inside.add_route(eth0, {.target = plan.gateway}));
  return inside.add_route(eth0, {.bits = 0, .gateway = plan.gateway});
}

}  // namespace bimodal::sandbox
