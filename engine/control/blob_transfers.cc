#include "control/blob_transfers.h"

#include <unistd.h>

#include "base/ids.h"

namespace bimodal::control {
namespace {

constexpr std::string_view kBlobPrefix = "bl-";
constexpr std::size_t kKeySize = 43;  // base62 characters: 256 bits

tl::unexpected<Error> no_such_ticket() {
  return error(Code::NotFound, "this blob URL isn't valid (any more): ask for a new one");
}

}  // namespace

std::string blob_id_of(const std::string& sha256) {
  return std::string(kBlobPrefix) + sha256;
}

std::string digest_of_blob(const std::string& blob_id) {
  if (!blob_id.starts_with(kBlobPrefix)) return "";
  std::string digest = blob_id.substr(kBlobPrefix.size());
  return store::Blobs::is_digest(digest) ? digest : "";
}

BlobTransfers::BlobTransfers(store::Blobs& blobs) : blobs_(blobs), tickets_(random_text(kKeySize)) {}

std::string BlobTransfers::upload_ticket(const std::string& sha256, std::uint64_t size) const {
  return tickets_.issue({BlobTicket::Right::Upload, sha256, size}, BlobTickets::Clock::now() + kTicketLife);
}

std::string BlobTransfers::download_ticket(const std::string& sha256) const {
  return tickets_.issue({BlobTicket::Right::Download, sha256, 0}, BlobTickets::Clock::now() + kTicketLife);
}

std::string BlobTransfers::block_ticket(const std::string& sha256, std::uint64_t max_size) const {
  return tickets_.issue({BlobTicket::Right::Block, sha256, max_size}, BlobTickets::Clock::now() + kTicketLife);
}

std::string BlobTransfers::part_ticket(const std::string& sha256, std::uint64_t offset, std::uint64_t size) const {
  return tickets_.issue({BlobTicket::Right::Download, sha256, size, offset}, BlobTickets::Clock::now() + kTicketLife);
}

Result<std::filesystem::path> BlobTransfers::open_upload(const std::string& ticket, std::uint64_t size) {
  auto allowed = tickets_.check(ticket, BlobTickets::Clock::now());
  if (!allowed || allowed->right == BlobTicket::Right::Download) return no_such_ticket();
  if (allowed->right == BlobTicket::Right::Block && size > allowed->size) {
    return error(Code::InvalidArgument, "the block has {} bytes, more than {}", size, allowed->size);
  }
  if (allowed->right == BlobTicket::Right::Upload && size != allowed->size) {
    return error(Code::InvalidArgument, "the upload has {} bytes, {} were announced", size, allowed->size);
  }
  std::lock_guard lock(mutex_);
  forget_old_uploads();
  Upload& upload = uploads_[ticket];
  if (!upload.file.empty()) ::unlink(upload.file.c_str());
  upload = Upload{blobs_.temporary(), BlobTickets::Clock::now()};
  return upload.file;
}

Result<void> BlobTransfers::commit_upload(const std::string& ticket) {
  auto allowed = tickets_.check(ticket, BlobTickets::Clock::now());
  if (!allowed || allowed->right == BlobTicket::Right::Download) return no_such_ticket();
  std::filesystem::path file;
  {
    std::lock_guard lock(mutex_);
    auto upload = uploads_.find(ticket);
    if (upload == uploads_.end()) return no_such_ticket();
    file = upload->second.file;
    uploads_.erase(upload);
  }
  auto adopted = blobs_.adopt(file, allowed->sha256);
  if (!adopted) {
    ::unlink(file.c_str());
    return tl::unexpected<Error>(std::move(adopted).error());
  }
  return {};
}

Result<BlobTransfers::Part> BlobTransfers::open_download(const std::string& ticket) const {
  auto allowed = tickets_.check(ticket, BlobTickets::Clock::now());
  if (!allowed || allowed->right != BlobTicket::Right::Download) return no_such_ticket();
  if (!blobs_.contains(allowed->sha256)) return error(Code::NotFound, "no blob {}", blob_id_of(allowed->sha256));
  return Part{blobs_.path_of(allowed->sha256), allowed->offset, allowed->size};
}

void BlobTransfers::forget_old_uploads() {
  auto oldest = BlobTickets::Clock::now() - kTicketLife;
  std::erase_if(uploads_, [&](const auto& entry) {
    if (entry.second.opened_at >= oldest) return false;
    ::unlink(entry.second.file.c_str());
    return true;
  });
}

}  // namespace bimodal::control
