#include "runtime/exec_output.h"

#include <algorithm>

namespace bimodal::runtime {

void ExecOutput::append(std::string_view bytes) {
  bytes_ += bytes;
  changed_.notify_all();
}

void ExecOutput::end() {
  ended_ = true;
  changed_.notify_all();
}

Task<bool> ExecOutput::room() {
  while (written() - read_ >= kAhead) {
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
  if (read_ > base_ + 2 * kKept) {  // in large steps: each moves what is left
    bytes_.erase(0, static_cast<std::size_t>(read_ - base_) - kKept);
    base_ = read_ - kKept;
  }
  changed_.notify_all();
  co_return piece;
}

}  // namespace bimodal::runtime
