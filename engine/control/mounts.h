// MountBatchedCheckExistence, MountPutFile, MountGetOrCreate (protocol §7.1): files of the client's machine for
// containers and image builds. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class Mounts {
 public:
  Mounts(Context& context, rpc::Service& service);

 private:
  using CheckRequest = api::MountBatchedCheckExistenceRequest;
  using CheckResponse = api::MountBatchedCheckExistenceResponse;
  using PutRequest = api::MountPutFileRequest;
  using PutResponse = api::MountPutFileResponse;
  using GetRequest = api::MountGetOrCreateRequest;
  using GetResponse = api::MountGetOrCreateResponse;

  Task<Result<CheckResponse>> check_existence(rpc::Call call, CheckRequest request);
  Task<Result<PutResponse>> put_file(rpc::Call call, PutRequest request);
  Task<Result<GetResponse>> get_or_create(rpc::Call call, GetRequest request);
  Task<Result<GetResponse>> by_name(std::string name);

  Context& context_;
};

}  // namespace bimodal::control
