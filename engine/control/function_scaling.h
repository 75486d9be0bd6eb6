// FunctionUpdateSchedulingParams, FunctionGetSchedulingParams, FunctionGetCurrentStats: how the pool of a function, or
// of one variant of it, scales and what is in there. Loop-bound.
#pragma once

#include <memory>

#include "calls/calls.h"
#include "control/api.h"
#include "control/bindings.h"
#include "control/context.h"
#include "rpc/service.h"
#include "scheduler/pool.h"

namespace bimodal::control {

class FunctionScaling {
 public:
  FunctionScaling(Context& context, const Bindings& bindings, const calls::Calls& calls, rpc::Service& service);

 private:
  using UpdateResponse = api::FunctionUpdateSchedulingParamsResponse;

  Task<Result<UpdateResponse>> update(rpc::Call call, api::FunctionUpdateSchedulingParamsRequest request);
  Task<Result<api::FunctionGetSchedulingParamsResponse>> get(
      rpc::Call call, api::FunctionGetSchedulingParamsRequest request);
  Task<Result<api::FunctionStats>> stats(rpc::Call call, api::FunctionGetCurrentStatsRequest request);

  Result<UpdateResponse> update_bound(const std::string& function_id, const api::AutoscalerSettings& settings);
  scheduler::PoolLoad load_of(const model::FunctionVersion& version, const std::string& function_id) const;
  Result<model::FunctionVersionPtr> published(const std::string& function_id) const;
  // NotFound when it isn't served, and as PoolSource::pool() fails.
  Result<std::shared_ptr<scheduler::Pool>> pool_of(const std::string& function_id) const;

  Context& context_;
  const Bindings& bindings_;
  const calls::Calls& calls_;
};

}  // namespace bimodal::control
