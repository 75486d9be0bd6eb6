// Accepts connections on a container's API socket. Loop-bound.
#pragma once

#include <string>

#include "async/task.h"
#include "base/unique_fd.h"
#include "runtime/containers.h"

namespace bimodal::runtime {

// Hands every connection to `api` as that task's, until the coroutine is cancelled.
Task<void> accept_connections(UniqueFd listener, ApiConnections& api, std::string task_id);

}  // namespace bimodal::runtime
