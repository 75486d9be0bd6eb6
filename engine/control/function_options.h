// Options that a variant of a function has instead of the function's own: with_options(), with_concurrency(),
// with_batching() (modal.client.FunctionOptions, protocol §8.3). Pure functions.
#pragma once

#include <string>

#include "base/result.h"
#include "control/api.h"
#include "control/context.h"
#include "model/model.h"

namespace bimodal::control {

// Serialized, the same for the same options; empty for those that ask for nothing.
std::string serialized_options(api::FunctionOptions options);

// InvalidArgument names an option that this server doesn't have, or not for that function.
Result<void> check_options(
    const api::FunctionOptions& options, const model::FunctionVersion& deployed, const Settings& settings);

// What isn't in `options` stays; lists replace or extend what was there, as `options` say.
void apply_options(const api::FunctionOptions& options, model::FunctionVersion& version);
// The same for the definition that the container's client reads.
void apply_options(const api::FunctionOptions& options, api::Function& definition);

}  // namespace bimodal::control
