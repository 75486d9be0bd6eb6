// Input and output of sandboxes' own commands (protocol §10.11): SandboxGetLogs and SandboxStdinWrite for V1, the
// router's SandboxStdioReadV2 and SandboxStdinWriteV2 for V2; and the router's TaskReloadVolumes. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "control/router_tokens.h"
#include "control/sandboxes.h"
#include "modal_client/task_command_router.pb.h"
#include "rpc/service.h"

namespace bimodal::control {

class SandboxStreams {
 public:
  SandboxStreams(Sandboxes& sandboxes, const RouterTokens& tokens, rpc::Service& service);

 private:
  using LogsWriter = rpc::Writer<api::TaskLogsBatch>;
  using PieceWriter = rpc::Writer<modal::task_command_router::SandboxStdioReadV2Response>;
  using PieceRequest = modal::task_command_router::SandboxStdioReadV2Request;
  using InputRequest = modal::task_command_router::SandboxStdinWriteV2Request;
  using InputResponse = modal::task_command_router::SandboxStdinWriteV2Response;
  using ReloadRequest = modal::task_command_router::TaskReloadVolumesRequest;
  using ReloadResponse = modal::task_command_router::TaskReloadVolumesResponse;

  Task<Result<void>> get_logs(rpc::Call call, api::SandboxGetLogsRequest request, LogsWriter writer);
  Task<Result<api::SandboxStdinWriteResponse>> write(rpc::Call call, api::SandboxStdinWriteRequest request);
  Task<Result<void>> read_v2(rpc::Call call, PieceRequest request, PieceWriter writer);
  Task<Result<InputResponse>> write_v2(rpc::Call call, InputRequest request);
  Task<Result<ReloadResponse>> reload(rpc::Call call, ReloadRequest request);

  Result<Sandboxes::Container> container_of(const rpc::Call& call, const std::string& task_id) const;

  Sandboxes& sandboxes_;
  const RouterTokens& tokens_;
};

}  // namespace bimodal::control
