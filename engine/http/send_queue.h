// Bytes on their way into a non-blocking stream socket, or a Transport: what the kernel doesn't take now is kept in
// order. Loop-bound.
//
// It has no bound of its own: whoever appends keeps to a credit or to a mark.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/buffer_pool.h"
#include "http/transport.h"

namespace bimodal::http {

class SendQueue {
 public:
  explicit SendQueue(BufferPool& pool) : pool_(pool) {}
  ~SendQueue() { release(); }
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;

  // Drained: all is in the kernel. Blocked: wait for EPOLLOUT. Broken: the peer is gone.
  enum class Outcome { Drained, Blocked, Broken };

  void append(std::string_view bytes);
  // The end of the queue, to be appended to in place.
  std::string& tail();

  // Writes what is queued, then `parts`, in one system call, and queues the rest of `parts`.
  Outcome send(int fd, const std::array<std::string_view, 3>& parts);
  Outcome flush(int fd);
  Outcome send(Transport& to, const std::array<std::string_view, 3>& parts);
  Outcome flush(Transport& to);

  bool empty() const { return sent_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - sent_; }
  std::string_view unsent() const { return std::string_view(bytes_).substr(sent_); }
  // Bytes that the kernel took since the beginning.
  std::uint64_t total_sent() const { return total_sent_; }

 private:
  Outcome sent_of(const std::array<std::string_view, 3>& parts, std::size_t taken);
  void took(std::size_t count);
  void release();

  BufferPool& pool_;
  std::string bytes_;
  std::size_t sent_ = 0;  // of bytes_
  std::uint64_t total_sent_ = 0;
};

}  // namespace bimodal::http
