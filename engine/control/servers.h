// What containers of a server (@app.server) say: that their @enter is done, in the way of the client's release
// (protocol §10.8). Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"
#include "runtime/containers.h"

namespace bimodal::control {

class Servers {
 public:
  Servers(Context& context, rpc::Service& service);

 private:
  using Empty = google::protobuf::Empty;

  Task<Result<Empty>> lifecycle_ready(rpc::Call call, api::ContainerServerLifecycleReadyRequest request);
  Task<Result<api::TunnelStartResponse>> start_tunnel(rpc::Call call, api::TunnelStartRequest request);
  Task<Result<api::TunnelStopResponse>> stop_tunnel(rpc::Call call, api::TunnelStopRequest request);

  Result<std::shared_ptr<runtime::Session>> server_of(const rpc::Call& call) const;

  Context& context_;
};

}  // namespace bimodal::control
