// The terminal of an exec: made in the container's own /dev/pts, by the user that will use it.
#pragma once

#include "sandbox/init_plan.h"

namespace bimodal::init {

inline constexpr int kTerminalSocket = 3;  // where its other end is sent

// Makes it this session's terminal, and its input and output; sends the other end and closes the socket. False: errno
// says why not.
bool take_terminal(const sandbox::InitPlan& plan);

}  // namespace bimodal::init
