// ClientHello, AuthTokenGet, WorkspaceNameLookup, WorkspaceDashboardUrlGet, TokenInfoGet: who serves, and for whom.
// Loop-bound.
#pragma once

#include <string>

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class Workspace {
 public:
  Workspace(Context& context, rpc::Service& service);

 private:
  using Empty = rpc::Empty;
  Task<Result<api::ClientHelloResponse>> hello(rpc::Call call, Empty request);
  Task<Result<api::AuthTokenGetResponse>> auth_token(rpc::Call call, api::AuthTokenGetRequest request);
  Task<Result<api::WorkspaceNameLookupResponse>> name(rpc::Call call, Empty request);
  Task<Result<api::WorkspaceDashboardUrlResponse>> dashboard(rpc::Call call, api::WorkspaceDashboardUrlRequest request);
  Task<Result<api::TokenInfoGetResponse>> token_info(rpc::Call call, api::TokenInfoGetRequest request);

  Context& context_;
  const std::string signing_key_;  // of this process: nothing outlives it, and only clients look at the token
};

}  // namespace bimodal::control
