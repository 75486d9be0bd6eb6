#include "server/adapters.h"

namespace bimodal::server {

Result<std::filesystem::path> BlobDoor::open_upload(const std::string& token, std::uint64_t size) {
  return transfers_->open_upload(token, size);
}

Result<void> BlobDoor::commit_upload(const std::string& token, const std::string&) {
  return transfers_->commit_upload(token);
}

Result<gateway::BlobPart> BlobDoor::open_download(const std::string& token) {
  TRY(auto part, transfers_->open_download(token));
  return gateway::BlobPart{std::move(part.file), part.offset, part.size};
}

}  // namespace bimodal::server
