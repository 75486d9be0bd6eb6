// What a function definition asks for that this server can't give: refused by name, or said in a warning. Pure
// functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "control/api.h"
#include "control/context.h"

namespace bimodal::control {

// The one definition that will run: `function`, or the first choice of a list of GPUs (protocol §8.1). InvalidArgument
// when the request has neither.
Result<api::Function> chosen_function(const api::FunctionCreateRequest& request);

// InvalidArgument that names the option.
Result<void> check_supported(const api::Function& function, const Settings& settings);

// InvalidArgument when no container with these resources, changed as `asked`, could ever start on this host.
// `functions` may be null: nothing starts here.
Result<void> check_room(
    const std::string& object, model::Resources resources, const api::Resources& asked,
    const scheduler::Functions* functions);

// InvalidArgument when `object` can't have a volume there.
Result<void> check_mount_path(const std::string& object, const api::VolumeMount& mount);

// What is accepted although it has no effect here; shown to the user.
std::vector<api::Warning> warnings_about(const api::Function& function, const Settings& settings);

// Whether `function`, or a method of it, answers web requests.
bool has_web_methods(const api::Function& function);

}  // namespace bimodal::control
