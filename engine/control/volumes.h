// VolumeGetOrCreate, VolumeGetById, VolumeList, VolumeDelete, VolumeRename, VolumeHeartbeat (protocol §11). Both
// versions of the client's file system are the same thing here. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class Volumes {
 public:
  Volumes(Context& context, rpc::Service& service);

 private:
  using Empty = rpc::Empty;
  Task<Result<api::VolumeGetOrCreateResponse>> get_or_create(rpc::Call call, api::VolumeGetOrCreateRequest request);
  Task<Result<api::VolumeGetByIdResponse>> get_by_id(rpc::Call call, api::VolumeGetByIdRequest request);
  Task<Result<api::VolumeListResponse>> list(rpc::Call call, api::VolumeListRequest request);
  Task<Result<Empty>> remove(rpc::Call call, api::VolumeDeleteRequest request);
  Task<Result<Empty>> rename(rpc::Call call, api::VolumeRenameRequest request);
  Task<Result<Empty>> heartbeat(rpc::Call call, api::VolumeHeartbeatRequest request);

  Context& context_;
};

}  // namespace bimodal::control
