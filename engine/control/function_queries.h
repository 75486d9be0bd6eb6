// FunctionGet, ClassGet, FunctionUpdateSchedulingParams, FunctionGetCurrentStats: published functions by name and by
// id. Loop-bound.
#pragma once

#include "calls/calls.h"
#include "control/api.h"
#include "control/bindings.h"
#include "control/context.h"
#include "rpc/service.h"
#include "scheduler/pool.h"

namespace bimodal::control {

class FunctionQueries {
 public:
  FunctionQueries(Context& context, const Bindings& bindings, const calls::Calls& calls, rpc::Service& service);

 private:
  Task<Result<api::FunctionGetResponse>> get(rpc::Call call, api::FunctionGetRequest request);
  Task<Result<api::ClassGetResponse>> get_class(rpc::Call call, api::ClassGetRequest request);
  Task<Result<api::FunctionUpdateSchedulingParamsResponse>> update_scaling(
      rpc::Call call, api::FunctionUpdateSchedulingParamsRequest request);
  Task<Result<api::FunctionStats>> stats(rpc::Call call, api::FunctionGetCurrentStatsRequest request);

  Result<api::FunctionUpdateSchedulingParamsResponse> update_bound(
      const model::FunctionVersion& version, const api::FunctionUpdateSchedulingParamsRequest& request);
  scheduler::PoolLoad load_of(const model::FunctionVersion& version, const std::string& function_id) const;
  Result<model::FunctionVersionPtr> published(const std::string& function_id) const;

  Context& context_;
  const Bindings& bindings_;
  const calls::Calls& calls_;
};

}  // namespace bimodal::control
