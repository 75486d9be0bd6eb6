// How long a container that is to go now is left with the requests inside before it is told so. Pure.
#pragma once

#include <chrono>

#include "model/model.h"
#include "scheduler/pool.h"

namespace bimodal::scheduler {

// Of one that was stopped, or whose app was: web requests have the drain time, or as long as a server says itself.
// Plain inputs have the exit grace from when it is told, and are run elsewhere.
std::chrono::milliseconds patience_at_stop(const model::FunctionVersion& version, const PoolLimits& limits);

// When nobody else has patience: the container waits for the requests that it knows of; what goes to a port inside
// passes it by.
std::chrono::milliseconds least_patience(const model::FunctionVersion& version, const PoolLimits& limits);

}  // namespace bimodal::scheduler
