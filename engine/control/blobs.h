// BlobCreate and BlobGet (protocol §7.2): where clients send and fetch what is too large for a message. Loop-bound.
#pragma once

#include "control/api.h"
#include "control/blob_transfers.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class Blobs {
 public:
  Blobs(Context& context, BlobTransfers& transfers, rpc::Service& service);

 private:
  Task<Result<api::BlobCreateResponse>> create(rpc::Call call, api::BlobCreateRequest request);
  Task<Result<api::BlobGetResponse>> get(rpc::Call call, api::BlobGetRequest request);
  Context& context_;
  BlobTransfers& transfers_;
};

}  // namespace bimodal::control
