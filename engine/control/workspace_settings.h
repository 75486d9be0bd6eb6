// WorkspaceSettings, WorkspaceSetDefaultEnvironment, WorkspaceSetImageBuilderVersion. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class WorkspaceSettings {
 public:
  WorkspaceSettings(Context& context, rpc::Service& service);

 private:
  Task<Result<api::WorkspaceSettingsResponse>> list(rpc::Call call, rpc::Empty request);
  Task<Result<rpc::Empty>> set_default_environment(rpc::Call call, api::WorkspaceSetDefaultEnvironmentRequest request);
  // Accepts the one version that this server builds by.
  Task<Result<api::WorkspaceSetImageBuilderVersionResponse>> set_image_builder_version(
      rpc::Call call, api::WorkspaceSetImageBuilderVersionRequest request);

  Context& context_;
};

}  // namespace bimodal::control
