// VolumeCommit and VolumeReload (protocol §11): what containers ask about the volumes that they mount. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class VolumeCommits {
 public:
  VolumeCommits(Context& context, rpc::Service& service);

 private:
  Task<Result<api::VolumeCommitResponse>> commit(rpc::Call call, api::VolumeCommitRequest request);
  Task<Result<rpc::Empty>> reload(rpc::Call call, api::VolumeReloadRequest request);

  Context& context_;
};

}  // namespace bimodal::control
