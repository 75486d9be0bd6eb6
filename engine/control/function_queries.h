// FunctionGet, FunctionGetById, ClassGet: published functions by name and by id. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/bindings.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class FunctionQueries {
 public:
  FunctionQueries(Context& context, const Bindings& bindings, rpc::Service& service);

 private:
  Task<Result<api::FunctionGetResponse>> get(rpc::Call call, api::FunctionGetRequest request);
  Task<Result<api::FunctionGetByIdResponse>> get_by_id(rpc::Call call, api::FunctionGetByIdRequest request);
  Task<Result<api::ClassGetResponse>> get_class(rpc::Call call, api::ClassGetRequest request);

  Context& context_;
  const Bindings& bindings_;
};

}  // namespace bimodal::control
