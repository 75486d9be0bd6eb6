// AppGetByDeploymentName, AppGetLayout, AppGetLifecycle, AppList, AppDeploymentHistory: what is known of apps.
// Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class AppQueries {
 public:
  AppQueries(Context& context, rpc::Service& service);

 private:
  Task<Result<api::AppGetByDeploymentNameResponse>> by_name(rpc::Call call, api::AppGetByDeploymentNameRequest request);
  Task<Result<api::AppGetLayoutResponse>> layout(rpc::Call call, api::AppGetLayoutRequest request);
  Task<Result<api::AppGetLifecycleResponse>> lifecycle(rpc::Call call, api::AppGetLifecycleRequest request);
  Task<Result<api::AppListResponse>> list(rpc::Call call, api::AppListRequest request);
  Task<Result<api::AppDeploymentHistoryResponse>> history(rpc::Call call, api::AppDeploymentHistoryRequest request);

  Context& context_;
};

}  // namespace bimodal::control
