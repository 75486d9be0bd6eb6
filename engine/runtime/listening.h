// Who listens on a port inside a container, for the message that says why nobody can be reached there. Blocks for the
// time of reading two files of /proc.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace bimodal::runtime {

// One line for a server that didn't answer on `port` of its container's address within `patience`. `pid` is any process
// of the container.
std::string why_unreachable(int pid, std::uint16_t port, std::chrono::milliseconds patience);

// The same from the text of /proc/net/tcp and tcp6. Pure.
std::string why_unreachable(const std::string& sockets, std::uint16_t port, std::chrono::milliseconds patience);

}  // namespace bimodal::runtime
