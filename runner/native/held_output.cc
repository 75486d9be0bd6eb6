#include "held_output.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace bimodal::runner {

bool HeldOutput::add(std::string_view frames, Clock::duration patience) {
  const Clock::time_point due = Clock::now() + std::min<Clock::duration>(patience, kLongest);
  const std::scoped_lock lock(mutex_);
  if (socket_ < 0 || bytes_.size() + frames.size() > kMostBytes) return false;
  due_ = bytes_.empty() ? due : std::min(due_, due);
  bytes_.append(frames);
  return true;
}

bool HeldOutput::is_due() {
  const std::scoped_lock lock(mutex_);
  return !bytes_.empty() && Clock::now() >= due_;
}

std::string HeldOutput::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(bytes_, {});
}

void HeldOutput::close() {
  const std::scoped_lock lock(mutex_);
  socket_ = -1;
  bytes_.clear();
}

HeldOutput::Clock::time_point HeldOutput::write_late(Clock::time_point now) {
  const std::scoped_lock lock(mutex_);
  if (bytes_.empty()) return Clock::time_point::max();
  if (now < due_ + kGrace) return due_ + kGrace;
  const ssize_t written = ::send(socket_, bytes_.data(), bytes_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (written > 0) bytes_.erase(0, static_cast<std::size_t>(written));
  if (written < 0 && errno != EAGAIN && errno != EINTR) bytes_.clear();  // the loop's thread sees the end
  if (bytes_.empty()) return Clock::time_point::max();
  due_ = now;  // a peer that doesn't read is tried again
  return due_ + kGrace;
}

}  // namespace bimodal::runner
