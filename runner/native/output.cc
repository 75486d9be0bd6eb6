#include "output.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace bimodal::runner {
namespace {

constexpr std::size_t kCopyBelow = 4096;          // cheaper to copy than to reference
constexpr std::size_t kSegmentsPerCall = 64;      // of the 1024 that the kernel takes
constexpr std::size_t kKeptCapacity = 64 * 1024;  // an idle connection keeps no more than this

}  // namespace

void Output::append(std::string_view bytes) {
  if (bytes.empty()) return;
  const bool extends = !empty() && !segments_.back().owner;
  if (extends) {
    segments_.back().size += bytes.size();
  } else {
    segments_.push_back({Ref(), nullptr, copied_.size(), bytes.size()});
  }
  copied_.append(bytes);
}

void Output::append(PyObject* owner, std::string_view part) {
  if (part.size() < kCopyBelow) {
    append(part);
  } else {
    segments_.push_back({Ref::borrow(owner), part.data(), 0, part.size()});
  }
}

void Output::prepend(std::string_view bytes) {
  if (bytes.empty()) return;
  for (Segment& segment : segments_) segment.offset += bytes.size();
  segments_.insert(segments_.begin(), {Ref(), nullptr, 0, bytes.size()});
  copied_.insert(0, bytes);
}

std::string_view Output::untouched() const {
  const bool one = first_ == 0 && segments_.size() == 1 && !segments_[0].owner && segments_[0].offset == 0;
  return one ? std::string_view(copied_) : std::string_view();
}

std::string_view Output::bytes_of(const Segment& segment) const {
  return {segment.owner ? segment.data : copied_.data() + segment.offset, segment.size};
}

Output::Written Output::write_to(int socket) {
  while (!empty()) {
    iovec parts[kSegmentsPerCall];
    const std::size_t count = std::min(kSegmentsPerCall, segments_.size() - first_);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view bytes = bytes_of(segments_[first_ + i]);
      parts[i] = {const_cast<char*>(bytes.data()), bytes.size()};
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    const ssize_t written = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? Written::Blocked : Written::Failed;
    }
    consume(static_cast<std::size_t>(written));
  }
  return Written::All;
}

void Output::consume(std::size_t size) {
  while (size > 0) {
    Segment& segment = segments_[first_];
    const std::size_t part = std::min(size, segment.size);
    size -= part;
    segment.size -= part;
    if (segment.owner) {
      segment.data += part;
    } else {
      segment.offset += part;
    }
    if (segment.size > 0) return;
    segment.owner.reset();
    ++first_;
  }
  if (empty()) {
    clear();
  } else if (first_ >= kSegmentsPerCall) {
    compact();
  }
}

// Forgets what was written, so that a queue that is never quite empty doesn't grow.
void Output::compact() {
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
  const auto copied = std::find_if(segments_.begin(), segments_.end(), [](const Segment& s) { return !s.owner; });
  const std::size_t written = copied == segments_.end() ? copied_.size() : copied->offset;
  copied_.erase(0, written);
  for (Segment& segment : segments_) {
    if (!segment.owner) segment.offset -= written;
  }
}

void Output::clear() {
  segments_.clear();
  first_ = 0;
  copied_.clear();
  if (copied_.capacity() > kKeptCapacity) copied_.shrink_to_fit();
}

}  // namespace bimodal::runner
