// Children of the single-threaded launcher, followed by descriptor instead of by signal.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::sandbox {

struct Process {
  pid_t pid = -1;  // 0 in the child
  UniqueFd pidfd;  // readable when it has ended; none in the child
};

// clone3(2) with `namespaces` (CLONE_NEW…) and a copied address space: returns twice, as fork(2) does. With
// `cgroup` >= 0 (a cgroup v2 directory) the child is born in that cgroup.
Result<Process> clone_process(std::uint64_t namespaces, int cgroup = -1);

}  // namespace bimodal::sandbox
