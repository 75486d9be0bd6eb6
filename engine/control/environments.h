// EnvironmentGetOrCreate, …Create, …Delete, …List, …Update (protocol §2). Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "control/publisher.h"
#include "rpc/service.h"

namespace bimodal::control {

// What images are built by: the recipes that the client sends depend on it.
inline constexpr const char* kImageBuilderVersion = "2025.06";

class Environments {
 public:
  Environments(Context& context, Publisher& publisher, rpc::Service& service);

 private:
  using Empty = rpc::Empty;
  Task<Result<api::EnvironmentGetOrCreateResponse>> get_or_create(
      rpc::Call call, api::EnvironmentGetOrCreateRequest request);
  Task<Result<Empty>> create(rpc::Call call, api::EnvironmentCreateRequest request);
  Task<Result<Empty>> remove(rpc::Call call, api::EnvironmentDeleteRequest request);
  Task<Result<api::EnvironmentListResponse>> list(rpc::Call call, Empty request);
  Task<Result<api::EnvironmentListItem>> update(rpc::Call call, api::EnvironmentUpdateRequest request);

  Context& context_;
  Publisher& publisher_;
};

}  // namespace bimodal::control
