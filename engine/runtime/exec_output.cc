#include "runtime/exec_output.h"

#include <algorithm>

namespace bimodal::runtime {

ExecOutput::Reader::~Reader() {
  --output_.readers_;
  output_.changed_.notify_all();
}

void ExecOutput::append(std::string_view bytes) {
  bytes_ += bytes;
  if (unread_ == Unread::Drops && bytes_.size() > 2 * kAhead) drop_before(written() - kAhead);
  changed_.notify_all();
}

void ExecOutput::end() {
  ended_ = true;
  changed_.notify_all();
}

void ExecOutput::stop_waits() {
  waits_no_more_ = true;
  changed_.notify_all();
}

bool ExecOutput::must_wait() const {
  if (waits_no_more_ || (unread_ == Unread::Drops && readers_ == 0)) return false;
  return written() - read_ >= kAhead;
}

Task<bool> ExecOutput::room() {
  while (must_wait()) {
    if (!co_await changed_.wait(Deadline::never())) co_return false;
  }
  co_return true;
}

Task<Result<std::string>> ExecOutput::read(std::uint64_t offset) {
  if (offset < base_ || offset > written()) {
    co_return error(
        Code::OutOfRange, "output from byte {} on is not there: bytes {} to {} are kept", offset, base_, written());
  }
  while (offset == written() && !ended_) {
    const bool woken = co_await changed_.wait(Deadline::never());
    if (!woken) co_return error(Code::Cancelled, "the reader went");
  }
  if (offset < base_) co_return error(Code::OutOfRange, "output from byte {} on is kept no more", offset);
  std::string piece = bytes_.substr(static_cast<std::size_t>(offset - base_), kAhead);
  read_ = std::max(read_, offset + piece.size());
  // In large steps: each moves what is left.
  if (unread_ == Unread::Waits && read_ > base_ + 2 * kKept) drop_before(read_ - kKept);
  changed_.notify_all();
  co_return piece;
}

Task<bool> ExecOutput::wait(std::uint64_t offset, Deadline deadline) {
  while (offset >= written() && !ended_) {
    if (!co_await changed_.wait(deadline)) co_return false;
  }
  co_return true;
}

void ExecOutput::drop_before(std::uint64_t offset) {
  bytes_.erase(0, static_cast<std::size_t>(offset - base_));
  base_ = offset;
}

}  // namespace bimodal::runtime
