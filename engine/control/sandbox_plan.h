// What a client's definition of a sandbox means here: what is refused by name, and what its container needs.
#pragma once

#include <string>
#include <vector>

#include "async/task.h"
#include "base/result.h"
#include "control/api.h"
#include "control/context.h"
#include "runtime/containers.h"

namespace bimodal::control {

class Planner;

struct SandboxWish {
  std::string sandbox_id, app_id, app_name, environment;
  api::Sandbox definition;
  std::vector<api::SecretSource> secrets;  // where two name the same variable, the later one counts
};

// InvalidArgument that names the first option that this server doesn't have, and what to do instead. Pure.
Result<void> check_sandbox(const api::Sandbox& definition, const Settings& settings);

// The secrets of a request, by id or in it, in their order. Pure.
std::vector<api::SecretSource> secrets_of(const api::SandboxCreateRequest& request);
std::vector<api::SecretSource> secrets_of(const api::SandboxCreateV2Request& request);

// Who reserves what it asks for on the host. Pure.
model::FunctionVersion guest_of(const SandboxWish& wish);

// On the control loop. NotFound names what is missing: image, mount, secret, volume; InvalidArgument when neither the
// definition nor the image has a command.
Task<Result<runtime::CommandPlan>> plan_sandbox(Context& context, Planner& planner, SandboxWish wish);

}  // namespace bimodal::control
