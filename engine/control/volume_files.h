// The committed files of volumes, from outside (protocol §11): VolumeListFiles, VolumePutFiles, VolumePutFiles2,
// VolumeGetFile2, VolumeRemoveFile, VolumeCopyFiles and their twins for the client's second file system. Loop-bound.
//
// A file is one blob, whatever way it came. What a client does here counts as a commit.
#pragma once

#include "control/api.h"
#include "control/blob_transfers.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class VolumeFiles {
 public:
  static constexpr std::uint64_t kBlockBytes = 8 << 20;  // the client's BLOCK_SIZE
  static constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 40;

  VolumeFiles(Context& context, BlobTransfers& transfers, rpc::Service& service);

 private:
  using Empty = rpc::Empty;
  template <typename Response, typename Request>
  Task<Result<void>> list(rpc::Call call, Request request, rpc::Writer<Response> writer);
  template <typename Request>
  Task<Result<Empty>> remove(rpc::Call call, Request request);
  template <typename Request>
  Task<Result<Empty>> copy(rpc::Call call, Request request);
  Task<Result<Empty>> put(rpc::Call call, api::VolumePutFilesRequest request);
  Task<Result<api::VolumePutFiles2Response>> put_blocks(rpc::Call call, api::VolumePutFiles2Request request);
  Task<Result<api::VolumeGetFile2Response>> get(rpc::Call call, api::VolumeGetFile2Request request);

  Context& context_;
  BlobTransfers& transfers_;
};

}  // namespace bimodal::control
