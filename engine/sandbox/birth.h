// The way of a child of the launcher from clone3(2) to exec of the container's init: every barrier is put up here, in
// order.
//
// It has two halves. The first needs no Spec: cgroups, session, keyring and network, where the kernel makes one wait
// for others (some milliseconds each). Children that have that behind them wait for a call (embryo.h). The second half
// builds the root filesystem of one Spec and takes well under three milliseconds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sandbox/network.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

// Namespaces that the child is cloned into. The others follow later, by the child itself.
std::uint64_t birth_namespaces();

// What the first half needs. Descriptors belong to the launcher; the child closes every other one of them.
struct Birth {
  Privilege privilege = Privilege::Root;
  NetworkPlan network;
  std::vector<std::filesystem::path> cgroups;  // directories to join
  std::filesystem::path scratch;               // an empty directory to mount over
  int init = -1;                               // the init binary
  int container_filter = -1, build_filter = -1, zygote_filter = -1;
  int reports = -1;  // where InitReports go
  int call = -1;     // a SOCK_SEQPACKET socket, on which the call comes
};

// The packet that starts the second half. Its descriptors: the encoded Spec, the user namespace, then Spec::fds.
std::string encode_call(std::uint32_t uid_base);
inline constexpr std::size_t kCallFds = 2;  // before Spec::fds

// Never returns: execs init, or writes a Failed report and exits. Exits silently when the launcher hangs up.
[[noreturn]] void be_born(const Birth& birth);

}  // namespace bimodal::sandbox
