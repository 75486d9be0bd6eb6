// The sandbox's own /dev: the harmless devices, a private devpts and a bounded /dev/shm.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

// Mounts it into the new root. `shm_bytes` bounds /dev/shm (0: half of the host's memory); `uid_base` is the range's.
Result<void> mount_dev(int root, std::int64_t shm_bytes, std::uint32_t uid_base, Privilege privilege);

}  // namespace bimodal::sandbox
