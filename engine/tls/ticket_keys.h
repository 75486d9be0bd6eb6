// The keys that seal session tickets (RFC 5077, RFC 8446 §4.6.1), by which a caller resumes a TLS session on any loop.
// Thread-safe.
//
// A key seals for kSealing and opens for as long again, so that what one key gives away is bounded, and so is for how
// long.
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <string>

struct ssl_ctx_st;
struct ssl_st;

namespace bimodal::tls {

class TicketKeys {
 public:
  static constexpr std::chrono::hours kSealing{12};

  TicketKeys();
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // The sessions of `context` seal their tickets with the keys that they are given by lend().
  static void serve(ssl_ctx_st* context);
  // For this session, which they outlive.
  void lend(ssl_st* session);

  // For a daemon that takes over, so that its callers may go on; secret.
  std::string save() const;
  // False, and nothing changes, when `saved` isn't what save() gave.
  bool load(const std::string& saved);

  // The keys as of that time: what was told by the clock, for tests.
  void rotate_by(std::chrono::steady_clock::time_point now);

  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  // The key that seals now.
  Key sealing();
  // The key of that name. `is_old`: it opens, but seals no more.
  bool opening(const unsigned char* name, Key& key, bool& is_old) const;

 private:
  void rotate_locked(std::chrono::steady_clock::time_point now);

  mutable std::mutex mutex_;
  Key current_;
  Key previous_;
  std::chrono::steady_clock::time_point since_;
};

}  // namespace bimodal::tls
