// SecretGetOrCreate, SecretGetInfo, SecretList, SecretDelete, SecretUpdate (protocol §11). Values come in and are never
// given out again. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class Secrets {
 public:
  Secrets(Context& context, rpc::Service& service);

 private:
  using Empty = rpc::Empty;
  Task<Result<api::SecretGetOrCreateResponse>> get_or_create(rpc::Call call, api::SecretGetOrCreateRequest request);
  Task<Result<api::SecretGetInfoResponse>> get_info(rpc::Call call, api::SecretGetInfoRequest request);
  Task<Result<api::SecretListResponse>> list(rpc::Call call, api::SecretListRequest request);
  Task<Result<Empty>> remove(rpc::Call call, api::SecretDeleteRequest request);
  Task<Result<Empty>> update(rpc::Call call, api::SecretUpdateRequest request);

  Context& context_;
};

}  // namespace bimodal::control
