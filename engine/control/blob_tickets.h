// Unguessable names for one upload or one download of one blob: the last path component of its URL.
//
// A ticket carries what it allows and a signature, so that none has to be remembered. The key is made at start: tickets
// of an earlier run are void. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace bimodal::control {

struct BlobTicket {
  enum class Right : char { Upload = 'u', Download = 'd', Block = 'b' };
  Right right = Right::Download;
  std::string sha256;
  // Upload: exactly so many bytes. Block, an upload too: at most. Download: so many from `offset` on, 0: all.
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
};

class BlobTickets {
 public:
  using Clock = std::chrono::system_clock;

  explicit BlobTickets(std::string key) : key_(std::move(key)) {}

  std::string issue(const BlobTicket& ticket, Clock::time_point expiry) const;
  // Nullopt when it is forged, garbled or expired.
  std::optional<BlobTicket> check(const std::string& text, Clock::time_point now) const;

 private:
  std::string sign(const std::string& claim) const;

  const std::string key_;
};

}  // namespace bimodal::control
