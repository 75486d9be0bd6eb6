// What one daemon tells the next of its containers, and does with them then. Control loop.
#pragma once

#include <string>
#include <vector>

#include "control/registry.h"
#include "scheduler/functions.h"

namespace bimodal::server {

// The ids of functions that have containers.
std::vector<std::string> warm_functions(const control::Registry& registry, const scheduler::Functions& functions);
// From now on no container waits for requests.
void let_idle_containers_go(const control::Registry& registry, scheduler::Functions& functions);

}  // namespace bimodal::server
