// Uploads and downloads of blobs over plain HTTP: who may send or fetch which content, by a ticket in the URL.
//
// Thread-safe. The methods with a ticket block: the gateway calls them on its blocking threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "base/result.h"
#include "control/blob_tickets.h"
#include "store/blobs.h"

namespace bimodal::control {

// "bl-" + the content's SHA-256: the id of a blob needs no record anywhere.
std::string blob_id_of(const std::string& sha256);
// "" when `blob_id` isn't one of ours.
std::string digest_of_blob(const std::string& blob_id);

class BlobTransfers {
 public:
  explicit BlobTransfers(store::Blobs& blobs);

  // Tickets for kTicketLife.
  std::string upload_ticket(const std::string& sha256, std::uint64_t size) const;
  std::string download_ticket(const std::string& sha256) const;
  // For an upload of at most `max_size` bytes, and for `size` bytes of a download from `offset` on.
  std::string block_ticket(const std::string& sha256, std::uint64_t max_size) const;
  std::string part_ticket(const std::string& sha256, std::uint64_t offset, std::uint64_t size) const;

  // A file to write an upload to. A second upload with the same ticket makes the first one void. NotFound for a ticket
  // that isn't valid, InvalidArgument when `size` differs from what was announced.
  Result<std::filesystem::path> open_upload(const std::string& ticket, std::uint64_t size);
  // Takes the file that open_upload() named. InvalidArgument when its content isn't what was announced.
  Result<void> commit_upload(const std::string& ticket);
  // What a download's ticket allows: so many bytes of a file.
  struct Part {
    std::filesystem::path file;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;  // 0: all
  };
  Result<Part> open_download(const std::string& ticket) const;

 private:
  static constexpr std::chrono::hours kTicketLife{6};

  struct Upload {
    std::filesystem::path file;
    BlobTickets::Clock::time_point opened_at;
  };
  void forget_old_uploads();

  store::Blobs& blobs_;
  BlobTickets tickets_;
  std::mutex mutex_;
  std::map<std::string, Upload> uploads_;  // running ones, by ticket; none is older than a ticket lives
};

}  // namespace bimodal::control
