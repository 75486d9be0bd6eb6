// The child's way from clone3(2) to exec of the container's init: every barrier is put up here, in order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "sandbox/etc_files.h"
#include "sandbox/launcher.h"
#include "sandbox/network.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

// Namespaces that the child is cloned into. Network, cgroup and user namespace follow later, by the child itself.
std::uint64_t birth_namespaces();

// Everything that the child needs, prepared by the launcher. Descriptors belong to the launcher.
struct Birth {
  const Spec& spec;
  Privilege privilege = Privilege::Root;
  std::uint32_t uid_base = 0;
  int user_namespace = -1;
  std::filesystem::path scratch;  // an empty directory to mount over
  NetworkPlan network;
  const Resolver& resolver;
  std::vector<std::filesystem::path> cgroups;  // directories to join
  std::uint64_t capabilities = 0;              // as InitPlan
  int init = -1;                               // the init binary
  int filter = -1;                             // kFilterFd
  int reports = -1;                            // kReportFd
  std::vector<int> passed;                     // the descriptors of Spec::fds, in order
};

// Never returns: execs init, or writes a Failed report and exits.
[[noreturn]] void be_born(const Birth& birth);

}  // namespace bimodal::sandbox
