// Starts the user's process: as a child of init, or in an exec.
#pragma once

#include <sys/types.h>

#include <string>

#include "sandbox/init_plan.h"

namespace bimodal::init {

struct StartOutcome {
  pid_t pid = -1;       // of the exec'ed process, when `failure` is empty
  int code = 0;         // a gRPC code number (base/result.h)
  std::string failure;  // one line
};

// Forks and execs what `plan` says, under the seccomp `program`. Returns when exec succeeded or something failed; a
// failed child is reaped.
StartOutcome start_user(const sandbox::InitPlan& plan, std::string& program);

// The same without a fork: this process, which is the child of an exec's attendant, becomes the user's program, or
// tells on kReportFd why it can't.
[[noreturn]] void become_user(const sandbox::InitPlan& plan, std::string& program);

}  // namespace bimodal::init
