// Makes a sandbox of what a zygote's process has forked (wire/zygote.h): gives it what a container has from outside.
//
// It comes with namespaces of its own, which belong to the user namespace of its zygote's sandbox, because nothing else
// than its zygote's filter let it be made; and with its zygote's root filesystem, in a mount namespace of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "sandbox/network.h"

namespace bimodal::sandbox {

// The pid, here, of the process that `pidfd` names, which a zygote handed over. PermissionDenied when that isn't the
// first process of a pid namespace right below that of `zygote`, the pid of the zygote's init.
Result<pid_t> forked_process(int pidfd, pid_t zygote);

struct Adoption {
  NetworkPlan network;  // with the forked process
  std::int64_t shm_bytes = 0;
  std::uint32_t uid_base = 0;
  std::filesystem::path scratch;                // an empty directory to mount over
  int process = -1;                             // pidfd of the forked process
  int program = -1, filter = -1, reports = -1;  // what it is sent: wire::Gate
  int gate = -1;
};

// In a child of the launcher: gives it network, /proc and /dev, and lets it through the gate. Never returns; writes a
// Failed report where that fails.
[[noreturn]] void furnish_forked(const Adoption& adoption);

}  // namespace bimodal::sandbox
