// Says in one line how a container ended. Pure functions.
#pragma once

#include <string>

#include "model/model.h"
#include "sandbox/launcher.h"
#include "scheduler/launcher.h"

namespace bimodal::runtime {

// `memory_bytes`: the container's limit, for the text. An empty reason means a regular end.
scheduler::ContainerExit describe_exit(const sandbox::ExitReport& report, std::int64_t memory_bytes);

// `text` without line breaks and control characters, at most 500 bytes.
std::string one_line(const std::string& text);

}  // namespace bimodal::runtime
