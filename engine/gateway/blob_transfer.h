// Blobs over plain HTTP: a request body into a file, a file into a response body. Loop-bound; files are touched on the
// blocking threads only. At most kWindow bytes of a transfer are in memory at a time.
#pragma once

#include <memory>
#include <string>

#include "async/blocking_pool.h"
#include "async/pulse.h"
#include "gateway/gateway.h"
#include "gateway/request_id.h"
#include "http/caller.h"
#include "http/reactor.h"
#include "http/service.h"

namespace bimodal::gateway {

// What an upload and a download have in common: a caller that may leave at any time.
class BlobTransfer : public http::Responder {
 public:
  static constexpr std::size_t kWindow = 256 * 1024;

  BlobTransfer(
      http::Reactor& reactor, BlockingPool& blocking, BlobGate& gate, http::Caller& client, const RequestId& id,
      std::string token);
  virtual ~BlobTransfer() = default;

 protected:
  void on_body(std::string_view bytes, http::Part part) override {}
  void on_sent() override { changed_.notify_all(); }
  void on_gone() override;

  // Answers with what `error` means to HTTP, if the caller is still there.
  void refuse(const Error& error);

  BlockingPool& blocking_;
  BlobGate& gate_;
  http::Caller* client_;  // null: gone, or answered
  RequestId id_;
  std::string token_;
  Pulse changed_;
};

class BlobUpload final : public BlobTransfer {
 public:
  using BlobTransfer::BlobTransfer;

  // Receives `size` bytes, commits them and answers 200 with ETag: "<md5 hex>". Run it once.
  static Task<void> run(std::shared_ptr<BlobUpload> upload, std::uint64_t size);

 private:
  struct File;

  void on_body(std::string_view bytes, http::Part part) override;
  Task<Result<void>> receive(File& file);
  void answer(const std::string& md5_hex);

  std::string received_;
  bool ended_ = false;
};

class BlobDownload final : public BlobTransfer {
 public:
  using BlobTransfer::BlobTransfer;

  // Answers with the blob's content. Run it once.
  static Task<void> run(std::shared_ptr<BlobDownload> download);

 private:
  Task<Result<void>> send(int file, std::uint64_t offset, std::uint64_t size);
};

}  // namespace bimodal::gateway
