// What is known of plain calls: FunctionCallGetInfo, FunctionGetCallGraph. Loop-bound.
#pragma once

#include "calls/calls.h"
#include "control/api.h"
#include "control/bindings.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class CallQueries {
 public:
  CallQueries(Context& context, const Bindings& bindings, calls::Calls& calls, rpc::Service& service);

 private:
  Task<Result<api::FunctionCallGetInfoResponse>> get_info(rpc::Call call, api::FunctionCallGetInfoRequest request);
  Task<Result<api::FunctionGetCallGraphResponse>> get_graph(rpc::Call call, api::FunctionGetCallGraphRequest request);

  Context& context_;
  const Bindings& bindings_;
  calls::Calls& calls_;
};

}  // namespace bimodal::control
