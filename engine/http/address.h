// Socket addresses as text and back.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "base/result.h"

namespace bimodal::http {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  std::string host() const;  // "127.0.0.1", "::1"
  std::uint16_t port() const;
  void set_port(std::uint16_t port);
  bool is_loopback() const;  // 127.0.0.0/8, mapped into IPv6 too, or ::1
};

// "127.0.0.1:8080", "[::1]:0", "localhost:80". InvalidArgument when it isn't one; names but localhost aren't resolved.
Result<Address> parse_address(const std::string& text);

}  // namespace bimodal::http
