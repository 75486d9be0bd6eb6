// FunctionPrecreate, FunctionCreate, ClassCreate: staging of definitions (protocol §8.1). What is served changes only
// with AppPublish. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "control/registry.h"
#include "rpc/service.h"

namespace bimodal::control {

class Functions {
 public:
  Functions(Context& context, const Registry& registry, rpc::Service& service);

 private:
  Task<Result<api::FunctionPrecreateResponse>> precreate(rpc::Call call, api::FunctionPrecreateRequest request);
  Task<Result<api::FunctionCreateResponse>> create(rpc::Call call, api::FunctionCreateRequest request);
  Task<Result<api::ClassCreateResponse>> create_class(rpc::Call call, api::ClassCreateRequest request);

  Context& context_;
  const Registry& registry_;
};

}  // namespace bimodal::control
