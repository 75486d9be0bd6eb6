// A TCP connection inside a sandbox's network namespace, whose descriptor nobody inside ever holds.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/netlink.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

// Begins to connect to `address`:`port` in the network namespace of process `pid`, which must not have been reaped, and
// doesn't wait: the socket is non-blocking, and writable once it is connected or has failed. For a single-threaded
// process with CAP_SYS_ADMIN over that namespace. As root it visits the namespace to make the socket, and aborts if it
// can't come back; an ordinary user's launcher couldn't, so a child goes.
Result<UniqueFd> connect_inside(int pid, Privilege privilege, Ipv4 address, std::uint16_t port);

}  // namespace bimodal::sandbox
