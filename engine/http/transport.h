// A connected stream socket, non-blocking, with or without a TLS session over it. Loop-bound; may move to another loop
// while no loop watches it.
//
// Without TLS it costs one branch: a read is one recv(2), a write one sendmsg(2). With TLS, readiness of the socket and
// readiness of the bytes aren't the same; whoever watches the socket asks for interest(wanted) and understands what
// comes by ready(events), and after a read asks unread().
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/unique_fd.h"
#include "tls/session.h"

namespace bimodal::http {

class Transport {
 public:
  enum class Outcome : std::uint8_t {
    Done,
    Blocked,  // wait for the socket
    Closed,   // the peer has ended its side
    Broken    // the connection is of no use any more
  };
  struct Transfer {
    Outcome outcome;
    std::size_t size = 0;  // with Done and, of a write, with Blocked
  };

  Transport() = default;
  Transport(UniqueFd socket) : socket_(std::move(socket)) {}  // plain
  // `session`'s handshake is done.
  Transport(UniqueFd socket, tls::Session session);
  Transport(Transport&&) noexcept = default;
  Transport& operator=(Transport&&) noexcept = default;
  // Closes the socket without a goodbye.
  ~Transport() = default;

  explicit operator bool() const { return static_cast<bool>(socket_); }
  int fd() const { return socket_.get(); }
  bool secure() const { return session_ != nullptr; }
  std::string_view tls_version() const;               // "TLSv1.3"; empty: plain
  ssl_st* session() const { return session_.get(); }  // null: plain

  // At least one byte, at most `into`, with Done. With TLS it reads on while it has room and bytes are at hand.
  Transfer read(std::span<char> into);
  // What was taken may be less than `parts`: Blocked then. What wasn't must come first in the next write, unchanged.
  Transfer write(std::span<const iovec> parts);
  // Ends our side, so that the peer sees that it has all. Blocked: try again when the socket takes more.
  Outcome end();
  // Says goodbye as far as that is possible at once, and closes.
  void close();
  // From here on no goodbye is said, by which the peer would take what it has for whole.
  void spoil() { spoiled_ = true; }
  // The socket of a plain transport.
  UniqueFd release() { return std::move(socket_); }

  // The last read stopped for want of room, and no event will tell of the rest: read again (Poller::again()).
  bool unread() const { return unread_; }
  // What to wait for when a read and/or a write (EPOLLIN, EPOLLOUT) is `wanted`.
  std::uint32_t interest(std::uint32_t wanted) const;
  // What can be tried when the socket has `events`.
  std::uint32_t ready(std::uint32_t events) const;

 private:
  Transfer read_tls(std::span<char> into);
  Transfer write_tls(std::span<const iovec> parts);
  Outcome failed(int result);

  UniqueFd socket_;
  bool unread_ = false;
  bool read_wants_write_ = false;  // TLS has something to say first
  bool write_wants_read_ = false;
  bool spoiled_ = false;
  bool ended_ = false;
  tls::Session session_;
};

}  // namespace bimodal::http
