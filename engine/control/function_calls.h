// Plain calls of functions, as callers make and follow them (protocol §9): FunctionMap, FunctionPutInputs,
// FunctionFinishInputs, FunctionGetOutputs, FunctionCallCancel, FunctionCallFromId. Loop-bound.
#pragma once

#include <vector>

#include "calls/calls.h"
#include "control/api.h"
#include "control/bindings.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class FunctionCalls {
 public:
  FunctionCalls(Context& context, const Bindings& bindings, calls::Calls& calls, rpc::Service& service);

 private:
  using Empty = google::protobuf::Empty;
  using PutItems = google::protobuf::RepeatedPtrField<api::FunctionPutInputsItem>;

  Task<Result<api::FunctionMapResponse>> map(rpc::Call call, api::FunctionMapRequest request);
  // The call that this request, sent again after a crash of the daemon, had made; or a new one.
  Task<Result<calls::CallPtr>> begin(
      rpc::Call call, model::FunctionVersionPtr version, api::FunctionMapRequest request);
  Task<Result<api::FunctionPutInputsResponse>> put_inputs(rpc::Call call, api::FunctionPutInputsRequest request);
  Task<Result<Empty>> finish_inputs(rpc::Call call, api::FunctionFinishInputsRequest request);
  Task<Result<api::FunctionGetOutputsResponse>> get_outputs(rpc::Call call, api::FunctionGetOutputsRequest request);
  Task<Result<Empty>> cancel(rpc::Call call, api::FunctionCallCancelRequest request);
  Task<Result<api::FunctionCallFromIdResponse>> from_id(rpc::Call call, api::FunctionCallFromIdRequest request);

  Result<model::FunctionVersionPtr> callable(const std::string& function_id) const;
  Task<Result<std::vector<calls::NewInput>>> inputs_of(PutItems& items);

  Context& context_;
  const Bindings& bindings_;
  calls::Calls& calls_;
};

}  // namespace bimodal::control
