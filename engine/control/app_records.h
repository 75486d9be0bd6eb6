// Apps as the database has them, put together from their rows. Everything here runs inside a transaction, on the pool.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "control/api.h"
#include "control/context.h"
#include "control/function_version.h"
#include "control/registry.h"
#include "store/app_table.h"
#include "store/environment_table.h"

namespace bimodal::control {

// NotFound names the id.
Result<store::App> require_app(store::Transaction& transaction, const std::string& app_id);

// The same, and FailedPrecondition when it is stopped.
Result<store::App> require_running_app(store::Transaction& transaction, const std::string& app_id);

// One published function with everything that answers are made of.
struct FunctionRecord {
  std::string tag;
  FunctionIds ids;
  api::Function function;
  std::vector<WebAddress> addresses;
  api::AutoscalerSettings autoscaler;
};

// The functions of `app`'s current version, by tag.
Result<std::vector<FunctionRecord>> published_functions(
    store::Transaction& transaction, const Settings& settings, const store::App& app);

Result<PublishedApp> published_app(store::Transaction& transaction, const Settings& settings, const store::App& app);

// What the client and containers see of the current version (protocol §10.3): every function and class with its handle.
Result<api::AppLayout> app_layout(store::Transaction& transaction, const Settings& settings, const store::App& app);

api::AppLifecycle lifecycle_of(const store::App& app, const std::string& workspace);

}  // namespace bimodal::control
