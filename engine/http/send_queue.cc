#include "http/send_queue.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace bimodal::http {
namespace {

// Sent bytes at the front are dropped once they are this many and at least half of the buffer.
constexpr std::size_t kCompactAt = 64 * 1024;
constexpr std::size_t kFirstCapacity = 1024;

iovec as_iovec(std::string_view bytes) {
  return {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
}

// Bytes taken, 0 when the socket is full, -1 when the peer is gone.
ssize_t write_some(int fd, iovec* parts, std::size_t count) {
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  for (;;) {
    ssize_t taken = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (taken >= 0) return taken;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (errno != EINTR) return -1;
  }
}

}  // namespace

std::string& SendQueue::tail() {
  if (bytes_.capacity() < kFirstCapacity && bytes_.empty()) {
    bytes_ = pool_.take();
    bytes_.reserve(kFirstCapacity);
  }
  return bytes_;
}

void SendQueue::append(std::string_view bytes) {
  tail().append(bytes);
}

SendQueue::Outcome SendQueue::flush(int fd) {
  if (empty()) return Outcome::Drained;
  const std::string_view bytes = unsent();
  ssize_t taken;
  do {
    taken = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (taken < 0 && errno == EINTR);
  if (taken < 0 && errno != EAGAIN) return Outcome::Broken;
  if (taken < 0) return Outcome::Blocked;
  took(static_cast<std::size_t>(taken));
  return empty() ? Outcome::Drained : Outcome::Blocked;
}

SendQueue::Outcome SendQueue::send(int fd, const std::array<std::string_view, 3>& parts) {
  std::array<iovec, 4> all{as_iovec(unsent()), as_iovec(parts[0]), as_iovec(parts[1]), as_iovec(parts[2])};
  const ssize_t taken = write_some(fd, all.data(), all.size());
  if (taken < 0) return Outcome::Broken;
  return sent_of(parts, static_cast<std::size_t>(taken));
}

SendQueue::Outcome SendQueue::flush(Transport& to) {
  if (!to.secure()) return flush(to.fd());
  if (empty()) return Outcome::Drained;
  const iovec bytes = as_iovec(unsent());
  const Transport::Transfer transfer = to.write({&bytes, 1});
  if (transfer.outcome == Transport::Outcome::Broken) return Outcome::Broken;
  took(transfer.size);
  return empty() ? Outcome::Drained : Outcome::Blocked;
}

SendQueue::Outcome SendQueue::send(Transport& to, const std::array<std::string_view, 3>& parts) {
  const std::array<iovec, 4> all{as_iovec(unsent()), as_iovec(parts[0]), as_iovec(parts[1]), as_iovec(parts[2])};
  const Transport::Transfer transfer = to.write(all);
  if (transfer.outcome == Transport::Outcome::Broken) return Outcome::Broken;
  return sent_of(parts, transfer.size);
}

// Of the queue and `parts`, in this order, the first `taken` bytes have left.
SendQueue::Outcome SendQueue::sent_of(const std::array<std::string_view, 3>& parts, std::size_t taken) {
  const std::size_t of_queue = std::min(taken, size());
  took(of_queue);
  taken -= of_queue;
  total_sent_ += taken;
  for (std::string_view part : parts) {
    const std::size_t skip = std::min(taken, part.size());
    taken -= skip;
    if (skip < part.size()) append(part.substr(skip));
  }
  return empty() ? Outcome::Drained : Outcome::Blocked;
}

void SendQueue::took(std::size_t count) {
  sent_ += count;
  total_sent_ += count;
  if (empty()) {
    release();
  } else if (sent_ >= kCompactAt && sent_ >= bytes_.size() / 2) {
    bytes_.erase(0, sent_);
    sent_ = 0;
  }
}

void SendQueue::release() {
  sent_ = 0;
  pool_.give(std::move(bytes_));
  bytes_ = std::string();
}

}  // namespace bimodal::http
