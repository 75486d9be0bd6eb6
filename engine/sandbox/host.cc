#include "sandbox/host.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "sandbox/firewall.h"
#include "sandbox/packet.h"
#include "sandbox/sweep.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace bimodal::sandbox {

namespace {

constexpr std::size_t kMaxInitBytes = 64 * 1024 * 1024;

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Result<UniqueFd> copy_init(const std::filesystem::path& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error(errno, "open " + path.native());
  TRY(std::string bytes, read_file(file.get(), kMaxInitBytes));
  auto copy = memory_file("bimodal-init", bytes, MFD_EXEC);
  if (!copy) copy = memory_file("bimodal-init", bytes);  // a kernel before 6.3
  return copy;
}

// The MTU of the interface that the default route leaves by: a sandbox behind it must not announce a larger one.
std::uint32_t outer_mtu(const std::string& routes) {
  std::istringstream lines(routes);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string interface, destination;
    words >> interface >> destination;
    if (destination != "00000000") continue;
    std::uint32_t mtu = 0;
    std::istringstream(text_of("/sys/class/net/" + interface + "/mtu")) >> mtu;
    if (mtu > 0) return mtu;
  }
  return 1500;
}

// What stands in the way of Network::Egress, if anything.
std::optional<Error> open_egress(const Host& host) {
  if (host.privilege == Privilege::Rootless) {
    return Error{Code::FailedPrecondition, "network egress: needs root"};
  }
  auto raised = raise_firewall(host.tag, host.addresses.cidr(), host.resolver.servers);
  return raised ? std::nullopt : std::optional(raised.error());
}

}  // namespace

Result<Host> prepare_host(const LauncherConfig& config) {
  Privilege privilege = ::geteuid() == 0 ? Privilege::Root : Privilege::Rootless;
  HomeTag tag = tag_of(config.home);
  Records records(config.home);
  TRY_VOID(records.prepare());
  for (const auto& record : records.list()) sweep(records, record, {});

  Resolver resolver = host_resolver();
  std::string routes = text_of("/proc/net/route");
  TRY(Ipv4 network, choose_network(routes, resolver.servers, tag.hash));
  TRY(UniqueFd init, copy_init(config.init_path));
  Host host{
      .privilege = privilege,
      .tag = tag,
      .records = records,
      .ranges = UserRanges(privilege, tag.hash),
      .addresses = AddressPool(network),
      .resolver = std::move(resolver),
      .mtu = outer_mtu(routes),
      .init = std::move(init),
  };
  host.no_egress = open_egress(host);
  return host;
}

void release_host(Host& host) {
  if (!host.no_egress) drop_firewall(host.tag);
}

}  // namespace bimodal::sandbox
