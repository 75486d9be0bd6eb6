// The items of a generator on their way from its container to its caller. Loop-bound; holders of the call await it.
//
// Kept in memory only: a generator that a crash of the daemon interrupts is run again, and the caller skips what it
// has. At most kWindow bytes wait for the caller, then the container does; kRetained bytes that the caller was sent are
// kept for a caller whose stream broke.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "async/pulse.h"
#include "async/task.h"
#include "base/result.h"
#include "modal_client/api.pb.h"

namespace bimodal::calls {

class Chunks {
 public:
  using Chunk = modal::client::DataChunk;
  static constexpr std::size_t kWindow = 16 << 20;
  static constexpr std::size_t kRetained = 8 << 20;

  explicit Chunks(boost::asio::any_io_executor executor) : changed_(std::move(executor)) {}

  // Takes items in, of which those that are here already are dropped: the generator may run for the second time.
  // Completes when there is room for more. DataLoss when an item before the first one is missing.
  Task<Result<void>> put(std::vector<Chunk> chunks);
  // The item after number `index`, as soon as it is there. DataLoss when it is kept no longer, nothing when the wait
  // was cancelled.
  Task<Result<std::optional<Chunk>>> next(std::uint64_t index);
  // Waits until the caller was sent everything that is here.
  Task<void> wait_read(Deadline deadline);

 private:
  std::uint64_t last() const { return dropped_ + kept_.size(); }  // number of the newest item
  void mark_read(std::uint64_t index);

  std::deque<Chunk> kept_;
  std::uint64_t dropped_ = 0;  // items before the first kept one
  std::uint64_t read_ = 0;     // the caller was sent so many
  std::size_t unread_bytes_ = 0, read_bytes_ = 0;
  Pulse changed_;
};

}  // namespace bimodal::calls
