// What containers ask of the daemon (protocol §10.4), and what clients ask about containers: ContainerHello,
// ContainerHeartbeat, FunctionGetInputs, FunctionPutOutputs, FunctionGetDynamicConcurrency, TaskResult; TaskList,
// TaskGetInfo, ContainerStop. Loop-bound.
//
// A container is known by the connection that it calls on, and by nothing that it says.
#pragma once

#include <memory>
#include <optional>

#include "control/context.h"
#include "modal_client/api.pb.h"
#include "rpc/service.h"
#include "runtime/containers.h"

namespace bimodal::control {

class Containers {
 public:
  Containers(Context& context, rpc::Service& service);

 private:
  using Empty = google::protobuf::Empty;
  using SessionPtr = std::shared_ptr<runtime::Session>;

  // From containers.
  Task<Result<Empty>> hello(rpc::Call call, Empty request);
  Task<Result<modal::client::ContainerHeartbeatResponse>> heartbeat(
      rpc::Call call, modal::client::ContainerHeartbeatRequest request);
  Task<Result<modal::client::FunctionGetInputsResponse>> get_inputs(
      rpc::Call call, modal::client::FunctionGetInputsRequest request);
  Task<Result<Empty>> put_outputs(rpc::Call call, modal::client::FunctionPutOutputsRequest request);
  Task<Result<modal::client::FunctionGetDynamicConcurrencyResponse>> get_dynamic_concurrency(
      rpc::Call call, modal::client::FunctionGetDynamicConcurrencyRequest request);
  Task<Result<Empty>> task_result(rpc::Call call, modal::client::TaskResultRequest request);

  // From clients and containers.
  Task<Result<modal::client::TaskListResponse>> list(rpc::Call call, modal::client::TaskListRequest request);
  Task<Result<modal::client::TaskGetInfoResponse>> get_info(rpc::Call call, modal::client::TaskGetInfoRequest request);
  Task<Result<modal::client::ContainerStopResponse>> stop(rpc::Call call, modal::client::ContainerStopRequest request);

  Result<SessionPtr> session_of(const rpc::Call& call) const;
  Result<void> check_may_stop(const rpc::Call& call, const runtime::TaskInfo& task) const;
  std::optional<runtime::TaskInfo> find_task(const std::string& task_id) const;

  Context& context_;
};

}  // namespace bimodal::control
