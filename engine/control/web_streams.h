// Data that flows while an input runs: of web requests on the client's own path and of generators.
// FunctionCallGetDataIn and FunctionCallPutDataOut of containers, FunctionCallGetDataOut of callers. Loop-bound.
#pragma once

#include <memory>

#include "calls/calls.h"
#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"
#include "runtime/web_request.h"

namespace bimodal::control {

class WebStreams {
 public:
  WebStreams(Context& context, calls::Calls& calls, rpc::Service& service);

 private:
  using Empty = google::protobuf::Empty;
  using RequestPtr = std::shared_ptr<runtime::WebRequest>;
  using Chunks = rpc::Writer<api::DataChunk>;

  // Lasts as long as the request. Body comes as the container takes it.
  Task<Result<void>> get_data_in(rpc::Call call, api::FunctionCallGetDataRequest request, Chunks chunks);
  // Answered when the caller has taken the data: containers hold back what comes after.
  Task<Result<Empty>> put_data_out(rpc::Call call, api::FunctionCallPutDataRequest request);

  // A generator's items, as they come. Ends when the caller does.
  Task<Result<void>> get_data_out(rpc::Call call, api::FunctionCallGetDataRequest request, Chunks chunks);

  // A request that the calling container works on. NotFound when it is over, or another's.
  Result<RequestPtr> request_of(const rpc::Call& call, const std::string& function_call_id) const;

  Context& context_;
  calls::Calls& calls_;
};

}  // namespace bimodal::control
