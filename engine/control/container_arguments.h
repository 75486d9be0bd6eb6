// What a container's client reads at start, and the inputs that it is given (protocol §10.3, §10.7). Pure functions.
#pragma once

#include <string>

#include "control/api.h"
#include "model/model.h"
#include "runtime/containers.h"

namespace bimodal::control {

// `definition` and `layout` as they were published. The container's copy of the definition has room for a seat beside
// ordinary inputs; every dependency of the function is in the container's copy of the layout.
api::ContainerArguments container_arguments(
    const model::FunctionVersion& version, const std::string& task_id, api::Function definition, api::AppLayout layout);

// The answer to FunctionGetInputs. A seat is one input that lasts as long as web requests are served.
api::FunctionGetInputsResponse inputs_for(const runtime::Order& order);

// Why an input failed, in one line; empty when it didn't.
std::string failure_of(const api::GenericResult& result);

// Why a container couldn't start, in one line and in full.
runtime::StartFailure start_failure_of(const api::GenericResult& result);

}  // namespace bimodal::control
