#include "control/function_queries.h"

#include <algorithm>

#include "control/app_records.h"
#include "control/function_metadata.h"
#include "rpc/fields.h"
#include "scheduler/functions.h"
#include "store/deployment_table.h"
#include "store/function_table.h"

namespace bimodal::control {
namespace {

using store::App;
using store::Transaction;

// The running deployed app of that name.
Result<App> deployed_app(Transaction& transaction, const std::string& environment_name, const std::string& name) {
  TRY(auto environment, store::EnvironmentTable(transaction).resolve(environment_name));
  TRY(auto app, store::AppTable(transaction).find_deployed(environment.environment_id, name));
  if (!app) return error(Code::NotFound, "App '{}' not found in environment '{}'", name, environment.name);
  return *std::move(app);
}

// A function id leads to what its app serves now. So `version` (0: whatever is served) can be asked for as long as it
// has `tag` with the very code that is served.
Result<void> check_version(Transaction& transaction, const App& app, const std::string& tag, int version) {
  if (version == 0 || version == app.version) return {};
  store::DeploymentTable deployments(transaction);
  TRY(auto asked, deployments.layout(app.app_id, version));
  TRY(auto current, deployments.layout(app.app_id, app.version));
  if (asked.empty()) {
    return error(
        Code::NotFound, "App '{}' has no version {} that is kept; the current one is {}", app.name, version,
        app.version);
  }
  auto has_tag = [&](const store::LayoutEntry& entry) { return entry.tag == tag; };
  const auto then = std::find_if(asked.begin(), asked.end(), has_tag);
  if (then == asked.end()) return error(Code::NotFound, "Version {} of app '{}' has no '{}'", version, app.name, tag);
  const auto now = std::find_if(current.begin(), current.end(), has_tag);
  if (now != current.end() && now->definition_id == then->definition_id) return {};
  return error(
      Code::FailedPrecondition,
      "'{}' of app '{}' has changed since version {}, and only the current version {} runs: go back with `modal app "
      "rollback {} v{}`, or deploy the old code under another name",
      tag, app.name, version, app.version, app.name, version);
}

Result<api::FunctionGetResponse> find_function(
    Transaction& transaction, const Settings& settings, const api::FunctionGetRequest& request) {
  TRY(auto app, deployed_app(transaction, request.environment_name(), request.app_name()));
  TRY_VOID(check_version(transaction, app, request.object_tag(), static_cast<int>(request.app_version())));
  TRY(auto functions, published_functions(transaction, settings, app));
  for (const auto& record : functions) {
    if (record.tag != request.object_tag()) continue;
    api::FunctionGetResponse response;
    response.set_function_id(record.ids.function_id);
    *response.mutable_handle_metadata() = handle_metadata(record.function, record.ids, app.app_id, record.addresses);
    *response.mutable_function() = echo_data(echo(record.function, record.addresses, {}));
    return response;
  }
  return error(Code::NotFound, "App '{}' has no function '{}'", request.app_name(), request.object_tag());
}

Result<api::ClassGetResponse> find_class(Transaction& transaction, const api::ClassGetRequest& request) {
  TRY(auto app, deployed_app(transaction, request.environment_name(), request.app_name()));
  TRY_VOID(check_version(transaction, app, request.object_tag(), static_cast<int>(request.app_version())));
  TRY(auto layout, store::DeploymentTable(transaction).layout(app.app_id, app.version));
  for (const auto& entry : layout) {
    if (!entry.is_class() || entry.tag != request.object_tag()) continue;
    api::ClassGetResponse response;
    response.set_class_id(entry.object_id);
    return response;
  }
  return error(Code::NotFound, "App '{}' has no class '{}'", request.app_name(), request.object_tag());
}

// Adds `settings` to those that came before for that function.
Result<api::AutoscalerSettings> keep_settings(
    Transaction& transaction, const std::string& function_id, const api::AutoscalerSettings& settings) {
  store::FunctionTable functions(transaction);
  TRY(auto function, functions.find(function_id));
  if (!function) return error(Code::NotFound, "Function {} not found", function_id);
  api::AutoscalerSettings merged;
  if (!merged.ParseFromString(function->autoscaler)) {
    return error(Code::DataLoss, "The autoscaler settings of {} are damaged", function_id);
  }
  merged.MergeFrom(settings);
  TRY_VOID(functions.set_autoscaler(function_id, merged.SerializeAsString()));
  return merged;
}

api::AutoscalerSettings settings_of(const model::ScalingPolicy& policy) {
  api::AutoscalerSettings out;
  out.set_min_containers(static_cast<std::uint32_t>(policy.min_containers));
  out.set_max_containers(static_cast<std::uint32_t>(policy.max_containers));
  out.set_buffer_containers(static_cast<std::uint32_t>(policy.buffer_containers));
  const auto window = std::chrono::duration_cast<std::chrono::seconds>(policy.scaledown_window);
  out.set_scaledown_window(static_cast<std::uint32_t>(window.count()));
  if (policy.target_inputs > 0) out.set_target_concurrency_float(policy.target_inputs);
  return out;
}

}  // namespace

FunctionQueries::FunctionQueries(
    Context& context, const Bindings& bindings, const calls::Calls& calls, rpc::Service& service)
    : context_(context), bindings_(bindings), calls_(calls) {
  service.query("FunctionGet", this, &FunctionQueries::get);
  service.query("ClassGet", this, &FunctionQueries::get_class);
  service.mutation("FunctionUpdateSchedulingParams", this, &FunctionQueries::update_scaling);
  service.query("FunctionGetCurrentStats", this, &FunctionQueries::stats);
}

Task<Result<api::FunctionGetResponse>> FunctionQueries::get(rpc::Call call, api::FunctionGetRequest request) {
  auto work = [this, request = std::move(request)](Transaction& transaction) {
    return find_function(transaction, context_.settings, request);
  };
  CO_TRY(auto response, co_await context_.transact(std::move(work)));
  if (call.caller.kind == rpc::Caller::Kind::Container) lift_size_limits(*response.mutable_handle_metadata());
  co_return response;
}

Task<Result<api::ClassGetResponse>> FunctionQueries::get_class(rpc::Call call, api::ClassGetRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) { return find_class(transaction, request); };
  co_return co_await context_.transact(std::move(work));
}

Result<model::FunctionVersionPtr> FunctionQueries::published(const std::string& function_id) const {
  auto version = bindings_.version(function_id);
  if (version == nullptr)
    return error(Code::NotFound, "Function {} is not published, or its app is stopped", function_id);
  return version;
}

Task<Result<api::FunctionUpdateSchedulingParamsResponse>> FunctionQueries::update_scaling(
    rpc::Call call, api::FunctionUpdateSchedulingParamsRequest request) {
  const std::string function_id = request.function_id();
  CO_TRY(auto version, published(function_id));
  CO_TRY_VOID(rpc::refuse_fields("function " + function_id, request, {{"warm_pool_size_override", "keep_warm"}}));
  CO_TRY_VOID(with_settings(version->scaling, request.settings()));
  if (version->function_id != function_id) co_return update_bound(*version, request);
  auto work = [function_id, settings = request.settings()](Transaction& transaction) {
    return keep_settings(transaction, function_id, settings);
  };
  CO_TRY(auto merged, co_await context_.transact(std::move(work)));
  CO_TRY(auto policy, with_settings(version->scaling, merged));
  context_.functions->update_scaling(function_id, policy);
  api::FunctionUpdateSchedulingParamsResponse response;
  *response.mutable_current_settings() = settings_of(policy);
  co_return response;
}

// Holds as long as its pool does.
Result<api::FunctionUpdateSchedulingParamsResponse> FunctionQueries::update_bound(
    const model::FunctionVersion& version, const api::FunctionUpdateSchedulingParamsRequest& request) {
  TRY(auto policy, with_settings(version.scaling, request.settings()));
  auto source = bindings_.source(request.function_id());
  auto pool = source ? source->pool() : nullptr;
  if (!pool) return error(Code::NotFound, "Function {} is not served", request.function_id());
  pool->update_scaling(policy);
  api::FunctionUpdateSchedulingParamsResponse response;
  *response.mutable_current_settings() = settings_of(policy);
  return response;
}

scheduler::PoolLoad FunctionQueries::load_of(
    const model::FunctionVersion& version, const std::string& function_id) const {
  if (version.function_id == function_id) {
    return context_.functions->load(function_id).value_or(scheduler::PoolLoad{});
  }
  auto source = bindings_.source(function_id);
  auto pool = source ? source->pool() : nullptr;
  return pool ? pool->load() : scheduler::PoolLoad{};
}

Task<Result<api::FunctionStats>> FunctionQueries::stats(rpc::Call call, api::FunctionGetCurrentStatsRequest request) {
  CO_TRY(auto version, published(request.function_id()));
  const scheduler::PoolLoad load = load_of(*version, request.function_id());
  api::FunctionStats response;
  response.set_backlog(static_cast<std::uint32_t>(load.waiting + calls_.pending(request.function_id())));
  response.set_num_total_tasks(static_cast<std::uint32_t>(load.containers));
  response.set_num_running_inputs(static_cast<std::uint32_t>(load.running));
  const int slots = load.containers * version->scaling.max_inputs;
  response.set_input_headroom(static_cast<std::uint32_t>(std::max(0, slots - load.running)));
  co_return response;
}

}  // namespace bimodal::control
