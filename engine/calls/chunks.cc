#include "calls/chunks.h"

#include <utility>

namespace bimodal::calls {
namespace {

// What an item takes, with its share of the bookkeeping.
std::size_t size_of(const Chunks::Chunk& chunk) {
  return chunk.data().size() + 128;
}

}  // namespace

Task<Result<void>> Chunks::put(std::vector<Chunk> chunks) {
  for (Chunk& chunk : chunks) {
    if (chunk.index() <= last()) continue;
    if (chunk.index() > last() + 1) {
      co_return error(Code::DataLoss, "item {} of a generator came after item {}", chunk.index(), last());
    }
    unread_bytes_ += size_of(chunk);
    kept_.push_back(std::move(chunk));
  }
  mark_read(read_);
  changed_.notify_all();
  while (unread_bytes_ > kWindow) {
    if (!co_await changed_.wait(Deadline::never())) co_return error(Code::Cancelled, "the container went");
  }
  co_return Result<void>();
}

Task<Result<std::optional<Chunks::Chunk>>> Chunks::next(std::uint64_t index) {
  mark_read(index);
  while (last() <= index) {
    if (!co_await changed_.wait(Deadline::never())) co_return std::nullopt;
    mark_read(index);
  }
  if (index < dropped_) co_return error(Code::DataLoss, "item {} of the generator is kept no longer", index + 1);
  co_return kept_[index - dropped_];
}

Task<void> Chunks::wait_read(Deadline deadline) {
  while (read_ < last()) {
    if (!co_await changed_.wait(deadline)) co_return;
  }
}

// The caller has the items up to `index`.
void Chunks::mark_read(std::uint64_t index) {
  bool moved = false;
  while (read_ < index && read_ < last()) {
    const std::size_t size = size_of(kept_[read_ - dropped_]);
    ++read_;
    unread_bytes_ -= size;
    read_bytes_ += size;
    moved = true;
  }
  while (dropped_ < read_ && read_bytes_ > kRetained) {
    read_bytes_ -= size_of(kept_.front());
    kept_.pop_front();
    ++dropped_;
  }
  if (moved) changed_.notify_all();
}

}  // namespace bimodal::calls
