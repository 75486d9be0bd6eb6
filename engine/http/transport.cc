#include "http/transport.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace bimodal::http {
namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;  // 16 KiB: RFC 8446 §5.1

std::uint32_t replaced(std::uint32_t events, std::uint32_t from, std::uint32_t to) {
  return events & from ? (events & ~from) | to : events;
}

// What is still to be written, handed out in pieces of one TLS record each.
class Records {
 public:
  explicit Records(std::span<const iovec> parts) : parts_(parts) { skip_empty(); }

  bool empty() const { return parts_.empty(); }

  // A long part goes as it is; short ones are gathered, so that a head and its body make one record and one segment.
  std::span<const char> next() {
    const std::span<const char> first = rest();
    if (first.size() >= kRecord || parts_.size() == 1) return first.first(std::min(first.size(), kRecord));
    static thread_local std::array<char, kRecord> gathered;
    std::size_t size = 0;
    std::size_t skip = taken_;
    for (const iovec& part : parts_) {
      const std::size_t count = std::min(part.iov_len - skip, kRecord - size);
      if (count > 0) std::memcpy(gathered.data() + size, static_cast<const char*>(part.iov_base) + skip, count);
      size += count;
      skip = 0;
    }
    return std::span<const char>(gathered).first(size);
  }

  void took(std::size_t count) {
    while (count > 0) {
      const std::size_t of_first = std::min(count, rest().size());
      taken_ += of_first;
      count -= of_first;
      skip_empty();
    }
  }

 private:
  std::span<const char> rest() const {
    return {static_cast<const char*>(parts_[0].iov_base) + taken_, parts_[0].iov_len - taken_};
  }

  void skip_empty() {
    while (!parts_.empty() && parts_[0].iov_len == taken_) {
      parts_ = parts_.subspan(1);
      taken_ = 0;
    }
  }

  std::span<const iovec> parts_;
  std::size_t taken_ = 0;  // of the first part
};

}  // namespace

// The handshake may have read on into what follows it.
Transport::Transport(UniqueFd socket, tls::Session session)
    : socket_(std::move(socket)), unread_(SSL_has_pending(session.get()) == 1), session_(std::move(session)) {}

std::string_view Transport::tls_version() const {
  return session_ ? SSL_get_version(session_.get()) : std::string_view();
}

Transport::Transfer Transport::read(std::span<char> into) {
  if (session_) return read_tls(into);
  const ssize_t size = ::recv(socket_.get(), into.data(), into.size(), 0);
  if (size > 0) return {Outcome::Done, static_cast<std::size_t>(size)};
  if (size == 0) return {Outcome::Closed};
  return {errno == EAGAIN || errno == EINTR ? Outcome::Blocked : Outcome::Broken};
}

Transport::Transfer Transport::write(std::span<const iovec> parts) {
  if (session_) return write_tls(parts);
  std::size_t wanted = 0;
  for (const iovec& part : parts) wanted += part.iov_len;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  ssize_t taken;
  do {
    taken = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  } while (taken < 0 && errno == EINTR);
  if (taken < 0 && errno != EAGAIN) return {Outcome::Broken};
  const std::size_t size = taken < 0 ? 0 : static_cast<std::size_t>(taken);
  return {size == wanted ? Outcome::Done : Outcome::Blocked, size};
}

// A read that ends because nothing is left in OpenSSL's own buffer needs no further call to hear that: the socket's
// readiness is level-triggered.
Transport::Transfer Transport::read_tls(std::span<char> into) {
  std::size_t size = 0;
  unread_ = false;
  read_wants_write_ = false;
  while (size < into.size()) {
    std::size_t got = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(session_.get(), into.data() + size, into.size() - size, &got);
    if (result != 1) {
      const Outcome outcome = failed(result);
      read_wants_write_ = outcome == Outcome::Blocked && SSL_want_write(session_.get());
      if (size == 0) return {outcome};
      unread_ = outcome != Outcome::Blocked;  // how it ended is told by the next read
      return {Outcome::Done, size};
    }
    size += got;
    if (SSL_has_pending(session_.get()) == 0) return {Outcome::Done, size};
  }
  unread_ = true;
  return {Outcome::Done, size};
}

Transport::Transfer Transport::write_tls(std::span<const iovec> parts) {
  Records records(parts);
  std::size_t size = 0;
  write_wants_read_ = false;
  while (!records.empty()) {
    const std::span<const char> bytes = records.next();
    std::size_t taken = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &taken);
    if (result != 1) {
      const Outcome outcome = failed(result);
      write_wants_read_ = outcome == Outcome::Blocked && SSL_want_read(session_.get());
      return {outcome == Outcome::Blocked ? outcome : Outcome::Broken, size};
    }
    size += taken;
    records.took(taken);
  }
  return {Outcome::Done, size};
}

Transport::Outcome Transport::failed(int result) {
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Outcome::Blocked;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::Closed;
    default:
      spoiled_ = true;  // after such an error OpenSSL's session must not be used
      return Outcome::Broken;
  }
}

Transport::Outcome Transport::end() {
  if (session_ && !spoiled_ && !ended_) {
    ERR_clear_error();
    const int result = SSL_shutdown(session_.get());
    if (result < 0 && failed(result) == Outcome::Blocked && SSL_want_write(session_.get())) return Outcome::Blocked;
    ended_ = true;
  }
  return ::shutdown(socket_.get(), SHUT_WR) == 0 ? Outcome::Done : Outcome::Broken;
}

void Transport::close() {
  // Nobody hears the last word who closed the socket without one.
  if (session_ && !spoiled_ && !ended_ && !BIO_eof(SSL_get_rbio(session_.get()))) {
    ERR_clear_error();
    SSL_shutdown(session_.get());
    ERR_clear_error();
  }
  session_.reset();
  socket_.reset();
}

std::uint32_t Transport::interest(std::uint32_t wanted) const {
  if (read_wants_write_) wanted = replaced(wanted, EPOLLIN, EPOLLOUT);
  if (write_wants_read_) wanted = replaced(wanted, EPOLLOUT, EPOLLIN);
  return wanted;
}

std::uint32_t Transport::ready(std::uint32_t events) const {
  std::uint32_t can = events;
  if (read_wants_write_ && (events & EPOLLOUT)) can |= EPOLLIN;
  if (write_wants_read_ && (events & EPOLLIN)) can |= EPOLLOUT;
  return can;
}

}  // namespace bimodal::http
