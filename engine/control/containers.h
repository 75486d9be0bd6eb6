// What containers ask of the daemon (protocol §10.4), and what clients ask about containers: ContainerHello,
// ContainerHeartbeat, FunctionGetInputs, FunctionPutOutputs, FunctionGetDynamicConcurrency, TaskResult; TaskList,
// TaskGetInfo, ContainerStop. Loop-bound.
//
// A container is known by the connection that it calls on, and by nothing that it says.
#pragma once

#include <memory>
#include <optional>

#include "calls/calls.h"
#include "control/api.h"
#include "control/build_functions.h"
#include "control/context.h"
#include "rpc/service.h"
#include "runtime/containers.h"

namespace bimodal::control {

class Containers {
 public:
  Containers(Context& context, calls::Calls& calls, BuildFunctions& build_functions, rpc::Service& service);

 private:
  using Empty = google::protobuf::Empty;
  using SessionPtr = std::shared_ptr<runtime::Session>;

  // From containers.
  Task<Result<Empty>> hello(rpc::Call call, Empty request);
  Task<Result<api::ContainerHeartbeatResponse>> heartbeat(rpc::Call call, api::ContainerHeartbeatRequest request);
  Task<Result<api::FunctionGetInputsResponse>> get_inputs(rpc::Call call, api::FunctionGetInputsRequest request);
  Task<Result<Empty>> put_outputs(rpc::Call call, api::FunctionPutOutputsRequest request);
  Task<Result<api::FunctionGetDynamicConcurrencyResponse>> get_dynamic_concurrency(
      rpc::Call call, api::FunctionGetDynamicConcurrencyRequest request);
  Task<Result<Empty>> task_result(rpc::Call call, api::TaskResultRequest request);

  // From clients and containers.
  Task<Result<api::TaskListResponse>> list(rpc::Call call, api::TaskListRequest request);
  Task<Result<api::TaskGetInfoResponse>> get_info(rpc::Call call, api::TaskGetInfoRequest request);
  Task<Result<api::ContainerStopResponse>> stop(rpc::Call call, api::ContainerStopRequest request);

  Result<SessionPtr> session_of(const rpc::Call& call) const;
  Result<void> check_may_stop(const rpc::Call& call, const runtime::TaskInfo& task) const;
  std::optional<runtime::TaskInfo> find_task(const std::string& task_id) const;

  Context& context_;
  calls::Calls& calls_;
  BuildFunctions& build_functions_;
};

}  // namespace bimodal::control
