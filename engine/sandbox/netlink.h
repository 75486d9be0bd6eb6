// The few rtnetlink requests that a sandbox's network needs. A socket belongs to the network namespace that was current
// when it was opened, and keeps acting there.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace bimodal::sandbox {

struct Ipv4 {
  std::uint32_t value = 0;  // host byte order
  std::string text() const;
};

class Netlink {
 public:
  static Result<Netlink> open();

  struct Veth {
    std::string name;  // in this socket's namespace
    std::string peer_name;
    int peer_namespace = -1;  // descriptor of a network namespace; -1: the same one
    std::uint32_t mtu = 1500;
  };
  Result<void> make_veth(const Veth& veth);
  Result<int> index_of(const std::string& name);  // NotFound when there is no such interface
  Result<void> set_up(int index);
  Result<void> remove(int index);
  Result<void> add_address(int index, Ipv4 address);  // as /32
  // To one address (`bits` 32) or to everything (0), directly or by `gateway`; replaces what stood there.
  struct Route {
    Ipv4 target;
    unsigned char bits = 32;
    Ipv4 gateway;  // zero: on the link
  };
  Result<void> add_route(int index, const Route& route);
  // Lets connections to the target fail with EHOSTUNREACH.
  Result<void> refuse(const Route& route);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  explicit Netlink(mnl_socket* socket) : socket_(socket) {}
  Result<void> ask(nlmsghdr* message, const std::string& what);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
  int seen_index_ = 0;  // of the last link that an answer described
};

}  // namespace bimodal::sandbox
