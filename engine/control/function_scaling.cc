#include "control/function_scaling.h"

#include <algorithm>

#include "control/function_version.h"
#include "scheduler/functions.h"
#include "store/function_table.h"

namespace bimodal::control {
namespace {

using store::Transaction;

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

std::uint32_t in_seconds(std::chrono::milliseconds window) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(window).count());
}

api::AutoscalerSettings settings_of(const model::ScalingPolicy& policy) {
  api::AutoscalerSettings out;
  out.set_min_containers(static_cast<std::uint32_t>(policy.min_containers));
  out.set_max_containers(static_cast<std::uint32_t>(policy.max_containers));
  out.set_buffer_containers(static_cast<std::uint32_t>(policy.buffer_containers));
  out.set_scaledown_window(in_seconds(policy.scaledown_window));
  if (policy.scaleup_window.count() > 0) out.set_scaleup_window(in_seconds(policy.scaleup_window));
  if (policy.target_inputs > 0) out.set_target_concurrency_float(policy.target_inputs);
  return out;
}

// What keep_warm() of older clients asks for is min_containers.
api::AutoscalerSettings wanted_by(const api::FunctionUpdateSchedulingParamsRequest& request) {
  api::AutoscalerSettings settings = request.settings();
  if (!request.has_settings()) settings.set_min_containers(request.warm_pool_size_override());
  return settings;
}

}  // namespace

FunctionScaling::FunctionScaling(
    Context& context, const Bindings& bindings, const calls::Calls& calls, rpc::Service& service)
    : context_(context), bindings_(bindings), calls_(calls) {
  service.mutation("FunctionUpdateSchedulingParams", this, &FunctionScaling::update);
  service.query("FunctionGetSchedulingParams", this, &FunctionScaling::get);
  service.query("FunctionGetCurrentStats", this, &FunctionScaling::stats);
}

Result<model::FunctionVersionPtr> FunctionScaling::published(const std::string& function_id) const {
  auto version = bindings_.version(function_id);
  if (version == nullptr)
    return error(Code::NotFound, "Function {} is not published, or its app is stopped", function_id);
  return version;
}

Result<std::shared_ptr<scheduler::Pool>> FunctionScaling::pool_of(const std::string& function_id) const {
  auto source = bindings_.source(function_id);
  if (!source) return error(Code::NotFound, "Function {} is not served", function_id);
  return source->pool();
}

Task<Result<FunctionScaling::UpdateResponse>> FunctionScaling::update(
    rpc::Call call, api::FunctionUpdateSchedulingParamsRequest request) {
  const std::string function_id = request.function_id();
  CO_TRY(auto version, published(function_id));
  const api::AutoscalerSettings settings = wanted_by(request);
  CO_TRY_VOID(with_settings(version->scaling, settings));
  if (version->function_id != function_id) co_return update_bound(function_id, settings);
  auto work = [function_id, settings](Transaction& transaction) {
    return keep_settings(transaction, function_id, settings);
  };
  CO_TRY(auto merged, co_await context_.transact(std::move(work)));
  CO_TRY(auto policy, with_settings(version->scaling, merged));
  context_.functions->update_scaling(function_id, policy);
  UpdateResponse response;
  *response.mutable_current_settings() = settings_of(policy);
  co_return response;
}

// Holds as long as its pool does.
Result<FunctionScaling::UpdateResponse> FunctionScaling::update_bound(
    const std::string& function_id, const api::AutoscalerSettings& settings) {
  TRY(auto pool, pool_of(function_id));
  TRY(auto policy, with_settings(pool->scaling(), settings));
  pool->update_scaling(policy);
  UpdateResponse response;
  *response.mutable_current_settings() = settings_of(policy);
  return response;
}

Task<Result<api::FunctionGetSchedulingParamsResponse>> FunctionScaling::get(
    rpc::Call call, api::FunctionGetSchedulingParamsRequest request) {
  CO_TRY(auto pool, pool_of(request.function_id()));
  api::FunctionGetSchedulingParamsResponse response;
  auto& configuration = *response.mutable_autoscaler_configuration();
  *configuration.mutable_settings() = settings_of(pool->scaling());
  *configuration.mutable_static_settings() = settings_of(pool->version().scaling);
  co_return response;
}

scheduler::PoolLoad FunctionScaling::load_of(
    const model::FunctionVersion& version, const std::string& function_id) const {
  if (version.function_id == function_id) {
    return context_.functions->load(function_id).value_or(scheduler::PoolLoad{});
  }
  auto pool = pool_of(function_id);
  return pool ? (*pool)->load() : scheduler::PoolLoad{};
}

Task<Result<api::FunctionStats>> FunctionScaling::stats(rpc::Call call, api::FunctionGetCurrentStatsRequest request) {
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
