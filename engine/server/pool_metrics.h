// Containers and waiting requests of every function, as metrics.
#pragma once

#include <vector>

#include "metrics/page.h"
#include "runtime/containers.h"
#include "scheduler/functions.h"

namespace bimodal::server {

// Functions of the same names count together, and those beyond kMaxFunctions as "_OTHER".
inline constexpr std::size_t kMaxFunctions = 500;

void write_pool_metrics(
    const std::vector<scheduler::Functions::Load>& loads, const std::vector<runtime::TaskInfo>& tasks,
    metrics::Page& page);

}  // namespace bimodal::server
