// FunctionGet, ClassGet, FunctionUpdateSchedulingParams, FunctionGetCurrentStats: published functions by name and by
// id. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "control/registry.h"
#include "rpc/service.h"

namespace bimodal::control {

class FunctionQueries {
 public:
  FunctionQueries(Context& context, const Registry& registry, rpc::Service& service);

 private:
  Task<Result<api::FunctionGetResponse>> get(rpc::Call call, api::FunctionGetRequest request);
  Task<Result<api::ClassGetResponse>> get_class(rpc::Call call, api::ClassGetRequest request);
  Task<Result<api::FunctionUpdateSchedulingParamsResponse>> update_scaling(
      rpc::Call call, api::FunctionUpdateSchedulingParamsRequest request);
  Task<Result<api::FunctionStats>> stats(rpc::Call call, api::FunctionGetCurrentStatsRequest request);

  Result<model::FunctionVersionPtr> published(const std::string& function_id) const;

  Context& context_;
  const Registry& registry_;
};

}  // namespace bimodal::control
