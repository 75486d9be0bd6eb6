#include "sandbox/firewall.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"
#include "sandbox/command.h"

namespace bimodal::sandbox {

namespace {

constexpr const char* kForwarding = "/proc/sys/net/ipv4/ip_forward";

// TCP is refused by a reset: an ICMP answer comes back over the veth while connect(2) still holds the socket, is lost,
// and the caller waits a second for the next.
constexpr const char* kTable = R"(table inet {table}
delete table inet {table}
table inet {table} {{
  chain refuse {{
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname != "{ours}" accept
    ct state established,related accept
    {resolvers}
    goto refuse
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    oifname "{ours}" ct state established,related accept
    oifname "{ours}" goto refuse
    iifname != "{ours}" accept
    {resolvers}
    ip daddr 169.254.0.0/16 goto refuse
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {pool} oifname != "{ours}" masquerade
  }}
}}
)";

Result<void> forward_packets() {
  UniqueFd file(::open(kForwarding, O_RDWR | O_CLOEXEC));
  char now = '0';
  if (!file || ::read(file.get(), &now, 1) != 1) return errno_error(errno, kForwarding);
  if (now != '0') return {};
  // A write resets other settings of the interfaces, so never without need.
  if (::pwrite(file.get(), "1", 1, 0) != 1) return errno_error(errno, kForwarding);
  return {};
}

}  // namespace

std::string firewall_script(const HomeTag& tag, const std::string& pool, const std::vector<std::string>& resolvers) {
  std::string allow;
  if (!resolvers.empty()) {
    allow = fmt::format("ip daddr {{ {} }} meta l4proto {{ tcp, udp }} th dport 53 accept", fmt::join(resolvers, ", "));
  }
  return fmt::format(
      fmt::runtime(kTable), fmt::arg("table", tag.table_name()), fmt::arg("ours", tag.interface_prefix() + "*"),
      fmt::arg("resolvers", allow), fmt::arg("pool", pool));
}

Result<void> raise_firewall(const HomeTag& tag, const std::string& pool, const std::vector<std::string>& resolvers) {
  auto loaded = run_command({"nft", "-f", "-"}, firewall_script(tag, pool, resolvers));
  if (!loaded && loaded.error().code == Code::NotFound) {
    return error(Code::FailedPrecondition, "network egress: nft is missing; install the package nftables");
  }
  TRY_VOID(std::move(loaded));
  return forward_packets();
}

void drop_firewall(const HomeTag& tag) {
  std::string script = fmt::format("table inet {0}\ndelete table inet {0}\n", tag.table_name());
  std::ignore = run_command({"nft", "-f", "-"}, script);
}

}  // namespace bimodal::sandbox
