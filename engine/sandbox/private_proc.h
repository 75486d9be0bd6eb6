// The sandbox's /proc: of its own pid namespace, with what tells of or steers the host hidden or read-only.
#pragma once

#include "base/result.h"

namespace bimodal::sandbox {

// Mounts it into the new root, whose /dev must exist. The caller must be inside the new pid namespace: the kernel takes
// the namespace of whoever mounts.
Result<void> mount_proc(int root);

}  // namespace bimodal::sandbox
