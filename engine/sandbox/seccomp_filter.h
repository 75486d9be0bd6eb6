// The system calls that a profile may make, as a program for seccomp(2).
//
// An allow-list. What it refuses fails with EPERM where a program should know that it isn't allowed, and with ENOSYS
// where libraries fall back to something older (clone3, io_uring, anything newer than the list). Calls of a foreign
// architecture end the process.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/launcher.h"

namespace bimodal::sandbox {

// Compiles the list of `profile` (some milliseconds: once, at start) into a file that holds an array of sock_filter.
Result<UniqueFd> compile_filter(Profile profile);

}  // namespace bimodal::sandbox
