#include "gateway/internal_service.h"

#include "gateway/blob_transfer.h"
#include "gateway/edge_error.h"
#include "gateway/front.h"

namespace bimodal::gateway {
namespace {

constexpr std::string_view kBlobs = "/_bimodal/blobs/";

EdgeError method_not_allowed() {
  return {405, "method-not-allowed", "blobs are read by GET and written by PUT"};
}

EdgeError length_required() {
  return {411, "length-required", "a blob is uploaded with its Content-Length"};
}

}  // namespace

InternalService::InternalService(http::Reactor& reactor, Scope& scope, Shared& shared)
    : reactor_(reactor), scope_(scope), shared_(shared) {}

void InternalService::handle(http::Caller& client, const http::RequestHead& head, const RequestId& id) {
  if (head.path == "/_bimodal/health") {
    const http::Field fields[] = {{"content-type", "text/plain"}, {kRequestIdHeader, text_of(id)}};
    return client.reply(200, fields, "ok");
  }
  if (!head.path.starts_with(kBlobs)) return reply_error(client, id, unknown_host());
  std::string token(head.path.substr(kBlobs.size()));
  if (head.method == "PUT") return upload(client, head, id, std::move(token));
  if (head.method == "GET") return download(client, id, std::move(token));
  reply_error(client, id, method_not_allowed());
}

void InternalService::upload(
    http::Caller& client, const http::RequestHead& head, const RequestId& id, std::string token) {
  if (!head.content_length) return reply_error(client, id, length_required());
  const std::uint64_t limit = shared_.limits.max_body_bytes;
  if (*head.content_length > limit) return reply_error(client, id, body_too_large(limit));
  auto transfer = std::make_shared<BlobUpload>(reactor_, shared_.blocking, shared_.blobs, client, id, std::move(token));
  scope_.spawn(BlobUpload::run(std::move(transfer), *head.content_length));
}

void InternalService::download(http::Caller& client, const RequestId& id, std::string token) {
  auto transfer =
      std::make_shared<BlobDownload>(reactor_, shared_.blocking, shared_.blobs, client, id, std::move(token));
  scope_.spawn(BlobDownload::run(std::move(transfer)));
}

}  // namespace bimodal::gateway
