// WebhookTokenCreate, …Update, …Delete, …List, …ListForEnvironment, …EnvironmentAdd, …EnvironmentRemove,
// …EnvironmentList: the tokens with which callers pass requires_proxy_auth=True (web-endpoints §4). Loop-bound.
//
// A token is good in every environment until it is first allowed in one; from then on only where it is allowed. Of its
// secret only a hash is kept. Every change reaches the gateway before the RPC is answered.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "control/turn.h"
#include "rpc/service.h"
#include "store/proxy_token_table.h"

namespace bimodal::control {

class ProxyTokens {
 public:
  ProxyTokens(Context& context, rpc::Service& service);

  // Tells the gateway those that there are. Once, at the start.
  Task<Result<void>> recover();

 private:
  using Empty = rpc::Empty;
  Task<Result<api::TokenCreateResponse>> create(rpc::Call call, api::WebhookTokenCreateRequest request);
  Task<Result<api::WebhookToken>> update(rpc::Call call, api::WebhookTokenUpdateRequest request);
  Task<Result<Empty>> remove(rpc::Call call, api::TokenDeleteRequest request);
  Task<Result<api::WebhookTokenListResponse>> list(rpc::Call call, Empty request);
  Task<Result<api::WebhookTokenListResponse>> list_for_environment(
      rpc::Call call, api::WebhookTokenListForEnvironmentRequest request);
  Task<Result<Empty>> allow(rpc::Call call, api::WebhookTokenEnvironmentAddRequest request);
  Task<Result<Empty>> disallow(rpc::Call call, api::WebhookTokenEnvironmentRemoveRequest request);
  Task<Result<api::WebhookTokenEnvironmentListResponse>> environments(
      rpc::Call call, api::WebhookTokenEnvironmentListRequest request);

  // Runs `change`, then publishes what there is. One after another: an older state never follows a newer one.
  template <typename F>
  Task<Result<void>> apply(rpc::Call call, F change);
  Task<Result<void>> publish();
  api::WebhookToken shown(const store::ProxyTokenRow& row) const;

  Context& context_;
  Turn turn_;
};

}  // namespace bimodal::control
