// MountBatchedCheckExistence, MountPutFile, MountGetOrCreate (protocol §7.1): files of the client's machine for
// containers and image builds. Loop-bound.
#pragma once

#include "control/context.h"
#include "modal_client/api.pb.h"
#include "rpc/service.h"

namespace bimodal::control {

class Mounts {
 public:
  Mounts(Context& context, rpc::Service& service);

 private:
  using CheckRequest = modal::client::MountBatchedCheckExistenceRequest;
  using CheckResponse = modal::client::MountBatchedCheckExistenceResponse;
  using PutRequest = modal::client::MountPutFileRequest;
  using PutResponse = modal::client::MountPutFileResponse;
  using GetRequest = modal::client::MountGetOrCreateRequest;
  using GetResponse = modal::client::MountGetOrCreateResponse;

  Task<Result<CheckResponse>> check_existence(rpc::Call call, CheckRequest request);
  Task<Result<PutResponse>> put_file(rpc::Call call, PutRequest request);
  Task<Result<GetResponse>> get_or_create(rpc::Call call, GetRequest request);
  Task<Result<GetResponse>> by_name(std::string name);

  Context& context_;
};

}  // namespace bimodal::control
