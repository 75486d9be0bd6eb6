// From the client's definition of a function to the product's own: model::FunctionVersion. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "control/api.h"
#include "control/context.h"
#include "model/model.h"
#include "store/app_table.h"
#include "store/environment_table.h"

namespace bimodal::control {

// The app that a function belongs to, and where that lives.
struct Home {
  const Settings& settings;
  const store::App& app;
  const store::Environment& environment;
};

// A web method, and whether its name had to be cut.
struct WebAddress {
  model::WebMethod method;
  bool truncated = false;
};

// The web addresses of `function` in the order of method names. InvalidArgument for a label= that can't be one.
Result<std::vector<WebAddress>> web_addresses(const Home& home, const api::Function& function);

struct FunctionIds {
  std::string function_id;
  std::string definition_id;
};

// `autoscaler` overrides what the definition says, field by field.
Result<model::FunctionVersion> function_version(
    const Home& home, FunctionIds ids, const api::Function& function, const api::AutoscalerSettings& autoscaler);

// What `asked` says of them; the rest stays.
void set_resources(const api::Resources& asked, model::Resources& resources);

model::RetryPolicy retries_of(const api::FunctionRetryPolicy& policy);

// `base` with the fields that `settings` has. InvalidArgument when min_containers exceeds max_containers.
Result<model::ScalingPolicy> with_settings(model::ScalingPolicy base, const api::AutoscalerSettings& settings);

// Equal for definitions that run the same: the order of mounts, and what the server itself filled in, don't count. Hex
// SHA-256. `secret_fingerprints` stand for the values behind secret_ids.
std::string content_hash(const api::Function& function, const std::vector<std::string>& secret_fingerprints);

}  // namespace bimodal::control
