// The way out of a rootless sandbox: slirp4netns(1), a TCP/IP stack in a process of the user's own.
//
// It is a child of the launcher, one for each sandbox with Network::Egress, and dies with either. It waits until the
// sandbox's first process has made its network namespace, puts eth0 there, says so, and passes packets from then on.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/netlink.h"
#include "sandbox/process.h"

namespace bimodal::sandbox {

// Addresses inside, as offsets from the network's first one; slirp4netns fixes them.
inline constexpr std::uint32_t kSlirpGateway = 2, kSlirpResolver = 3, kSlirpAddress = 100;

// The sandbox's ends of two pipes.
struct SlirpSignals {
  UniqueFd made;   // one byte: the network namespace exists
  UniqueFd ready;  // one byte comes: eth0 is up; end of file: it failed
};

// Starts one for the child `pid`, whose ends of the pipes must be `signals`; `ours` are slirp's.
struct SlirpPipes {
  SlirpSignals inner;
  UniqueFd made, ready;
};
Result<SlirpPipes> make_slirp_pipes();
Result<Process> start_slirp(pid_t pid, Ipv4 network, const SlirpPipes& pipes);

// Kills it without waiting for it; end_slirp() reaps it, which takes the kernel some milliseconds.
void kill_slirp(const Process& slirp);
void end_slirp(Process& slirp);

// What stands in the way of start_slirp() here, with the remedy. Tries for real, in a short-lived child.
Result<void> can_slirp();

}  // namespace bimodal::sandbox
