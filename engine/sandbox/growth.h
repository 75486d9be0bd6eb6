// The second half of a child's way to its init: the root filesystem and user of one Spec, then exec.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/launcher.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

struct Growth {
  const Spec& spec;
  Privilege privilege = Privilege::Root;
  std::uint32_t uid_base = 0;
  int user_namespace = -1;
  std::string address;            // eth0's
  std::string resolver;           // the only name server; empty: the host's
  std::filesystem::path scratch;  // an empty directory to mount over
  int init = -1;                  // the init binary
  int filter = -1;                // kFilterFd
  int reports = -1;               // kReportFd
  std::vector<int> passed;        // the descriptors of Spec::fds, in order
};

// Returns only when something failed. `reports` follows the report pipe to its final number.
Result<void> grow_up(const Growth& growth, int& reports);

// Makes the upper directory of `spec` and its work directory.
Result<void> make_upper(const Spec& spec);

// From here on the process makes files as the sandbox's root, but mounts still with the host's capabilities.
Result<void> create_files_as(std::uint32_t uid);

// What every process that enters a sandbox does on its way. Limits of open files, core files and, rootless, processes;
// only lowers: a root without CAP_SYS_RESOURCE can't raise a hard limit.
Result<void> set_limits(const Limits& limits, Privilege privilege);
// Memory limits may not hold: then a sandbox goes before anything else of the user's does.
void offer_to_the_oom_killer();
// Root of the sandbox's user namespace, with every capability over it.
Result<void> become_inner_root(int user_namespace);

}  // namespace bimodal::sandbox
