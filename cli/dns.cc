#include "cli/dns.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

namespace bimodal::cli {
namespace {

constexpr int kPatience_s = 3, kTries = 2;
constexpr std::uint16_t kDnsPort = 53;

// A resolver's state; too large for copies.
class Resolver {
 public:
  Resolver() { good_ = ::res_ninit(&state_) == 0; }
  ~Resolver() {
    if (good_) ::res_nclose(&state_);
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  Result<void> use(const std::string& server) {
    if (!good_) return error(Code::Internal, "the system's resolver can't be set up");
    state_.retrans = kPatience_s;
    state_.retry = kTries;
    if (server.empty()) return {};
    const std::size_t colon = server.find(':');
    std::uint16_t port = kDnsPort;
    const std::string digits = colon == server.npos ? "" : server.substr(colon + 1);
    const bool has_port =
        colon == server.npos || std::from_chars(digits.data(), digits.data() + digits.size(), port).ec == std::errc();
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (!has_port || ::inet_pton(AF_INET, server.substr(0, colon).c_str(), &address.sin_addr) != 1) {
      return error(Code::InvalidArgument, "--resolver: '{}' isn't an IPv4 address with or without a port", server);
    }
    state_.nsaddr_list[0] = address;
    state_.nscount = 1;
    return {};
  }

  // Adds what records of `type` say.
  Result<void> ask(const std::string& name, ns_type type, DnsAnswer& answer) {
    std::array<unsigned char, 65536> packet;
    const int size = ::res_nquery(&state_, name.c_str(), ns_c_in, type, packet.data(), packet.size());
    if (size < 0) {
      if (state_.res_h_errno == HOST_NOT_FOUND || state_.res_h_errno == NO_DATA) return {};
      return error(Code::Unavailable, "no DNS server tells about {}: {}", name, ::hstrerror(state_.res_h_errno));
    }
    ns_msg message;
    if (::ns_initparse(packet.data(), std::min<int>(size, packet.size()), &message) != 0) {
      return error(Code::Unavailable, "the DNS server's answer about {} is garbled", name);
    }
    for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) read(message, i, type, answer);
    return {};
  }

 private:
  static void read(ns_msg& message, int at, ns_type wanted, DnsAnswer& answer) {
    ns_rr record;
    if (::ns_parserr(&message, ns_s_an, at, &record) != 0) return;
    char text[NS_MAXDNAME] = "";
    if (ns_rr_type(record) == ns_t_cname) {
      const auto* begin = ns_msg_base(message);
      if (::dn_expand(begin, ns_msg_end(message), ns_rr_rdata(record), text, sizeof text) < 0) return;
      if (std::find(answer.aliases.begin(), answer.aliases.end(), text) == answer.aliases.end()) {
        answer.aliases.emplace_back(text);
      }
      return;
    }
    const int family = wanted == ns_t_a ? AF_INET : AF_INET6;
    const std::size_t length = family == AF_INET ? 4 : 16;
    if (ns_rr_type(record) != wanted || ns_rr_rdlen(record) != length) return;
    if (::inet_ntop(family, ns_rr_rdata(record), text, sizeof text) != nullptr) answer.addresses.emplace_back(text);
  }

  struct __res_state state_{};
  bool good_ = false;
};

}  // namespace

Result<DnsAnswer> look_up(const std::string& name, const std::string& resolver) {
  const auto asked = std::make_unique<Resolver>();
  TRY_VOID(asked->use(resolver));
  DnsAnswer answer;
  const auto four = asked->ask(name, ns_t_a, answer);
  const auto six = asked->ask(name, ns_t_aaaa, answer);
  // Some servers tell of one kind alone, and glibc takes their empty answer for none.
  if (!answer.addresses.empty()) return answer;
  if (!four) return tl::unexpected(four.error());
  if (!six) return tl::unexpected(six.error());
  return answer;
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> found;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return found;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (one->ifa_addr->sa_family == AF_INET) {
      ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(one->ifa_addr)->sin_addr, text, sizeof text);
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      const in6_addr& address = reinterpret_cast<sockaddr_in6*>(one->ifa_addr)->sin6_addr;
      if (!IN6_IS_ADDR_LINKLOCAL(&address)) ::inet_ntop(AF_INET6, &address, text, sizeof text);
    }
    if (*text != '\0') found.emplace_back(text);
  }
  ::freeifaddrs(all);
  return found;
}

}  // namespace bimodal::cli
