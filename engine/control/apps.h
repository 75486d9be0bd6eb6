// AppCreate, AppGetOrCreate, AppHeartbeat, AppPublish, AppRollback, AppRollover, AppPromote, AppClientDisconnect,
// AppStop: the life of an app (protocol §3, §4). Loop-bound.
#pragma once

#include "async/scope.h"
#include "calls/calls.h"
#include "control/api.h"
#include "control/context.h"
#include "control/heartbeats.h"
#include "control/publisher.h"
#include "rpc/service.h"

namespace bimodal::control {

class Apps {
 public:
  Apps(Context& context, Publisher& publisher, calls::Calls& calls, rpc::Service& service);

  // Counts the silence of apps that live by heartbeats from now on, and stops those whose client is gone; a detached
  // one only when its calls have ended. Once, after what was there has been taken up again.
  Task<Result<void>> watch_ends();
  Task<void> close();

 private:
  using Empty = rpc::Empty;
  Task<Result<api::AppCreateResponse>> create(rpc::Call call, api::AppCreateRequest request);
  Task<Result<api::AppGetOrCreateResponse>> get_or_create(rpc::Call call, api::AppGetOrCreateRequest request);
  Task<Result<Empty>> heartbeat(rpc::Call call, api::AppHeartbeatRequest request);
  Task<Result<api::AppPublishResponse>> publish(rpc::Call call, api::AppPublishRequest request);
  Task<Result<api::AppRollbackResponse>> roll_back(rpc::Call call, api::AppRollbackRequest request);
  Task<Result<api::AppRolloverResponse>> roll_over(rpc::Call call, api::AppRolloverRequest request);
  Task<Result<api::AppPromoteResponse>> promote(rpc::Call call, api::AppPromoteRequest request);
  Task<Result<Empty>> disconnect(rpc::Call call, api::AppClientDisconnectRequest request);
  Task<Result<Empty>> stop(rpc::Call call, api::AppStopRequest request);

  // Its client is gone.
  Task<Result<void>> leave(std::string app_id);
  Task<void> watch_heartbeats();
  Task<void> stop_when_done(std::string app_id);

  Context& context_;
  Publisher& publisher_;
  calls::Calls& calls_;
  Heartbeats heartbeats_;
  Scope scope_;
};

}  // namespace bimodal::control
