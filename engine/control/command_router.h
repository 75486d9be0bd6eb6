// Commands in running containers (protocol §10.11): TaskGetCommandRouterAccess, by which a client gets a token for one
// container, and the TaskCommandRouter service, whose RPCs show that token. Loop-bound.
//
// The service is served beside the client's own, in clear, to clients on the daemon's host (decision 0014).
//
// Bounds: kMaxKept execs that run or ended in the last kKeep, Sandbox::kMaxExecs running in one container; each buffers
// what ExecOutput says.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "async/deadline.h"
#include "async/pulse.h"
#include "control/api.h"
#include "control/context.h"
#include "control/router_tokens.h"
#include "modal_client/task_command_router.pb.h"
#include "rpc/service.h"
#include "runtime/container_exec.h"

namespace bimodal::control {

namespace router = modal::task_command_router;

class CommandRouter {
 public:
  static constexpr std::size_t kMaxKept = 1024;
  static constexpr std::chrono::minutes kKeep{5};

  CommandRouter(Context& context, const RouterTokens& tokens, rpc::Service& service);

 private:
  using ExecPtr = std::shared_ptr<runtime::ContainerExec>;
  using Key = std::pair<std::string, std::string>;  // task, exec
  // What readers have been sent of one output.
  struct Told {
    int readers = 0;
    std::uint64_t bytes = 0;
  };
  struct Kept {
    ExecPtr exec;  // null while it starts
    std::optional<Deadline> until;
    std::shared_ptr<Told> out = std::make_shared<Told>(), err = std::make_shared<Told>();
  };

  Task<Result<api::TaskGetCommandRouterAccessResponse>> access(
      rpc::Call call, api::TaskGetCommandRouterAccessRequest request);
  Task<Result<router::TaskExecStartResponse>> start(rpc::Call call, router::TaskExecStartRequest request);
  Task<Result<void>> read(
      rpc::Call call, router::TaskExecStdioReadRequest request, rpc::Writer<router::TaskExecStdioReadResponse> writer);
  Task<Result<router::TaskExecStdinWriteResponse>> write(rpc::Call call, router::TaskExecStdinWriteRequest request);
  Task<Result<router::TaskExecStdinStatusResponse>> input_status(
      rpc::Call call, router::TaskExecStdinStatusRequest request);
  Task<Result<router::TaskExecPollResponse>> poll(rpc::Call call, router::TaskExecPollRequest request);
  Task<Result<router::TaskExecWaitResponse>> wait(rpc::Call call, router::TaskExecWaitRequest request);

  template <typename Request>
  Result<Kept> find(const rpc::Call& call, const Request& request) const;
  Task<void> hand_over(runtime::ExecOutput& output, std::shared_ptr<Told> told, Deadline begin, Deadline end);
  Task<Result<std::map<std::string, std::string>>> environment_of(const router::TaskExecStartRequest& request);
  void forget_old();

  Context& context_;
  const RouterTokens& tokens_;
  std::map<Key, Kept> execs_;
  Pulse told_;  // a reader came, went, or was sent something
};

}  // namespace bimodal::control
