#include "control/blobs.h"

#include <openssl/evp.h>

#include <array>

#include "control/urls.h"

namespace bimodal::control {
namespace {

constexpr std::int64_t kMaxBlobBytes = std::int64_t{64} << 30;
constexpr std::size_t kDigestBytes = 32;

// A SHA-256 in base64 as hex digits, "" when it is none.
std::string hex_of_base64(const std::string& text) {
  std::array<unsigned char, 48> bytes{};
  if (text.size() != 44 || text.back() != '=') return "";
  const auto* input = reinterpret_cast<const unsigned char*>(text.data());
  if (EVP_DecodeBlock(bytes.data(), input, static_cast<int>(text.size())) < static_cast<int>(kDigestBytes)) return "";
  std::string out;
  for (std::size_t i = 0; i < kDigestBytes; ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

// The gateway's port isn't reachable from a container's network.
Result<void> refuse_containers(const rpc::Call& call) {
  if (call.caller.kind != rpc::Caller::Kind::Container) return {};
  return error(
      Code::Unimplemented, "{} from inside a container: values over 2 MiB can't be passed there yet", call.rpc);
}

}  // namespace

Blobs::Blobs(Context& context, BlobTransfers& transfers, rpc::Service& service)
    : context_(context), transfers_(transfers) {
  service.query("BlobCreate", this, &Blobs::create);
  service.query("BlobGet", this, &Blobs::get);
}

Task<Result<api::BlobCreateResponse>> Blobs::create(rpc::Call call, api::BlobCreateRequest request) {
  CO_TRY_VOID(refuse_containers(call));
  std::string digest = hex_of_base64(request.content_sha256_base64());
  if (digest.empty()) co_return error(Code::InvalidArgument, "BlobCreate: content_sha256_base64 is no SHA-256");
  if (request.content_length() < 0 || request.content_length() > kMaxBlobBytes) {
    co_return error(
        Code::InvalidArgument, "BlobCreate: content_length {} is not between 0 and {}", request.content_length(),
        kMaxBlobBytes);
  }
  // Python reads the lists; JavaScript and Go read the single fields. One part does for any size.
  api::BlobCreateResponse response;
  const std::string ticket = transfers_.upload_ticket(digest, static_cast<std::uint64_t>(request.content_length()));
  const std::string upload = upload_url(context_.settings, call.caller, ticket);
  response.set_blob_id(blob_id_of(digest));
  response.set_upload_url(upload);
  response.add_blob_ids(blob_id_of(digest));
  response.mutable_upload_urls()->add_items(upload);
  co_return response;
}

Task<Result<api::BlobGetResponse>> Blobs::get(rpc::Call call, api::BlobGetRequest request) {
  CO_TRY_VOID(refuse_containers(call));
  std::string digest = digest_of_blob(request.blob_id());
  auto look_up = [&blobs = context_.blobs, digest] { return blobs.contains(digest); };
  if (!co_await context_.pool.run(std::move(look_up))) {
    co_return error(Code::NotFound, "no blob \"{}\"", request.blob_id());
  }
  api::BlobGetResponse response;
  response.set_download_url(blob_url(context_.settings, call.caller, transfers_.download_ticket(digest)));
  co_return response;
}

}  // namespace bimodal::control
