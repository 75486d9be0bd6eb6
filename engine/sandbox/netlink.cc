#include "sandbox/netlink.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace bimodal::sandbox {

namespace {

constexpr std::size_t kMessageSize = 1024;  // our largest request has about 200 bytes
using Buffer = std::array<char, kMessageSize>;

nlmsghdr* begin(Buffer& buffer, std::uint16_t type, std::uint16_t flags) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  return message;
}

template <typename T>
T* put_header(nlmsghdr* message) {
  return static_cast<T*>(mnl_nlmsg_put_extra_header(message, sizeof(T)));
}

int remember_index(const nlmsghdr* message, void* seen) {
  if (message->nlmsg_type == RTM_NEWLINK) {
    *static_cast<int*>(seen) = static_cast<ifinfomsg*>(mnl_nlmsg_get_payload(message))->ifi_index;
  }
  return MNL_CB_OK;
}

}  // namespace

std::string Ipv4::text() const {
  in_addr address{.s_addr = htonl(value)};
  char text[INET_ADDRSTRLEN];
  return ::inet_ntop(AF_INET, &address, text, sizeof text);
}

Result<Netlink> Netlink::open() {
  Netlink made(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!made.socket_ || mnl_socket_bind(made.socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    return errno_error(errno, "netlink socket");
  }
  return made;
}

Result<void> Netlink::ask(nlmsghdr* message, const std::string& what) {
  message->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0) return errno_error(errno, what);
  unsigned port = mnl_socket_get_portid(socket_.get());
  std::array<char, 16384> answer;
  for (;;) {
    ssize_t got = mnl_socket_recvfrom(socket_.get(), answer.data(), answer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(errno, what);
    int state = mnl_cb_run(answer.data(), static_cast<std::size_t>(got), sequence_, port, remember_index, &seen_index_);
    if (state == MNL_CB_STOP) return {};
    if (state == MNL_CB_ERROR) {
      if (errno == ENODEV) return error(Code::NotFound, "{}: {}", what, std::strerror(errno));
      if (errno == EEXIST) return error(Code::AlreadyExists, "{}: {}", what, std::strerror(errno));
      return errno_error(errno, what);
    }
  }
}

Result<void> Netlink::make_veth(const Veth& veth) {
  Buffer buffer;
  nlmsghdr* message = begin(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  put_header<ifinfomsg>(message)->ifi_family = AF_UNSPEC;
  mnl_attr_put_strz(message, IFLA_IFNAME, veth.name.c_str());
  mnl_attr_put_u32(message, IFLA_MTU, veth.mtu);
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
  nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
  nlattr* peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
  put_header<ifinfomsg>(message);
  mnl_attr_put_strz(message, IFLA_IFNAME, veth.peer_name.c_str());
  mnl_attr_put_u32(message, IFLA_MTU, veth.mtu);
  if (veth.peer_namespace >= 0) {
    mnl_attr_put_u32(message, IFLA_NET_NS_FD, static_cast<std::uint32_t>(veth.peer_namespace));
  }
  mnl_attr_nest_end(message, peer);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, info);
  return ask(message, "make veth " + veth.name);
}

Result<int> Netlink::index_of(const std::string& name) {
  Buffer buffer;
  nlmsghdr* message = begin(buffer, RTM_GETLINK, 0);
  put_header<ifinfomsg>(message)->ifi_family = AF_UNSPEC;
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  seen_index_ = 0;
  TRY_VOID(ask(message, "find interface " + name));
  return seen_index_;
}

Result<void> Netlink::set_up(int index) {
  Buffer buffer;
  nlmsghdr* message = begin(buffer, RTM_NEWLINK, 0);
  auto* link = put_header<ifinfomsg>(message);
  link->ifi_index = index;
  link->ifi_change = IFF_UP;
  link->ifi_flags = IFF_UP;
  return ask(message, "set interface up");
}

Result<void> Netlink::remove(int index) {
  Buffer buffer;
  nlmsghdr* message = begin(buffer, RTM_DELLINK, 0);
  put_header<ifinfomsg>(message)->ifi_index = index;
  return ask(message, "remove interface");
}

Result<void> Netlink::add_address(int index, Ipv4 address) {
  Buffer buffer;
  nlmsghdr* message = begin(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  auto* header = put_header<ifaddrmsg>(message);
  header->ifa_family = AF_INET;
  header->ifa_prefixlen = 32;
  header->ifa_index = static_cast<unsigned>(index);
  mnl_attr_put_u32(message, IFA_LOCAL, htonl(address.value));
  mnl_attr_put_u32(message, IFA_ADDRESS, htonl(address.value));
  return ask(message, "add address " + address.text());
}

Result<void> Netlink::add_route(int index, const Route& route) {
  Buffer buffer;
  nlmsghdr* message = begin(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  auto* header = put_header<rtmsg>(message);
  header->rtm_family = AF_INET;
  header->rtm_dst_len = route.bits;
  header->rtm_table = RT_TABLE_MAIN;
  header->rtm_protocol = RTPROT_STATIC;
  header->rtm_type = RTN_UNICAST;
  header->rtm_scope = route.gateway.value == 0 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  if (route.bits > 0) mnl_attr_put_u32(message, RTA_DST, htonl(route.target.value));
  if (route.gateway.value != 0) mnl_attr_put_u32(message, RTA_GATEWAY, htonl(route.gateway.value));
  mnl_attr_put_u32(message, RTA_OIF, static_cast<std::uint32_t>(index));
  return ask(message, "add route to " + route.target.text());
}

Result<void> Netlink::refuse(const Route& route) {
  Buffer buffer;
  nlmsghdr* message = begin(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  auto* header = put_header<rtmsg>(message);
  header->rtm_family = AF_INET;
  header->rtm_dst_len = route.bits;
  header->rtm_table = RT_TABLE_MAIN;
  header->rtm_protocol = RTPROT_STATIC;
  header->rtm_type = RTN_UNREACHABLE;
  header->rtm_scope = RT_SCOPE_UNIVERSE;
  mnl_attr_put_u32(message, RTA_DST, htonl(route.target.value));
  return ask(message, "refuse " + route.target.text());
}

}  // namespace bimodal::sandbox
