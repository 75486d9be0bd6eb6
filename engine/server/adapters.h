// Joins modules that must not know each other.
#pragma once

#include <string>

#include "control/blob_transfers.h"
#include "gateway/gateway.h"
#include "rpc/host.h"
#include "runtime/containers.h"

namespace bimodal::server {

// Hands containers' API connections to the gRPC host while there is one; else closes them. Control loop.
class HostConnections : public runtime::ApiConnections {
 public:
  void attach(rpc::Host* host) { host_ = host; }
  void adopt(UniqueFd connection, std::string task_id) override {
    if (host_ != nullptr) host_->adopt(std::move(connection), std::move(task_id));
  }

 private:
  rpc::Host* host_ = nullptr;
};

// Control's blobs behind the gateway's door. Blocking threads.
class BlobDoor : public gateway::BlobGate {
 public:
  void attach(control::BlobTransfers* transfers) { transfers_ = transfers; }
  Result<std::filesystem::path> open_upload(const std::string& token, std::uint64_t size) override;
  Result<void> commit_upload(const std::string& token, const std::string& md5_hex) override;
  Result<gateway::BlobPart> open_download(const std::string& token) override;

 private:
  control::BlobTransfers* transfers_ = nullptr;
};

}  // namespace bimodal::server
