// What a TLS server says and takes: one OpenSSL context for all loops. Thread-safe once made.
//
// TLS 1.2 and 1.3, (EC)DHE with AEAD ciphers in the server's order, no renegotiation, no early data, resumption by
// tickets alone. Which certificate is shown is asked of the sources in their order, in each full handshake.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tls/certificate_source.h"
#include "tls/session.h"
#include "tls/ticket_keys.h"

struct ssl_ctx_st;

namespace bimodal::tls {

// The protocols by ALPN (RFC 7301).
inline constexpr std::string_view kHttp1 = "http/1.1";
inline constexpr std::string_view kHttp2 = "h2";
inline constexpr std::string_view kAcmeTls1 = "acme-tls/1";

class Context;

// One handshake's view of itself, for the context's callbacks. At one place while its session lives.
struct Handshake {
  const Context* context = nullptr;  // whose begin() it was
  // Called, on any thread, when a certificate that wasn't at hand may have come.
  std::function<std::function<void()>()> make_wake;
  std::string server_name;    // lower case; empty: none was named
  std::string_view protocol;  // chosen by ALPN; empty: the caller offers none
  bool is_challenge = false;  // an ACME server's validation: nothing but the handshake follows
  bool is_refused = false;    // no certificate for that name
  std::shared_ptr<const Certificate> certificate = nullptr;  // found for it
};

class Context {
 public:
  struct Settings {
    // Asked in this order; they outlive the context.
    std::vector<CertificateSource*> sources;
    // Whether HTTP/2 is offered to callers of that server name; any thread. None: never.
    std::function<bool(std::string_view server_name)> offers_http2 = nullptr;
  };

  static Result<std::unique_ptr<Context>> make(Settings settings);
  ~Context();

  // A server's session on that connected socket. `handshake` outlives it, or outlives forget_handshake().
  Session begin(int fd, Handshake& handshake) const;
  // The handshake is over: the session refers to it no more.
  static void forget_handshake(ssl_st* session);

  TicketKeys& tickets() { return tickets_; }

 private:
  struct Callbacks;

  explicit Context(Settings settings) : settings_(std::move(settings)) {}
  Result<void> open();
  std::shared_ptr<const Certificate> find(const Handshake& handshake) const;
  bool obtain(const Handshake& handshake) const;

  Settings settings_;
  mutable TicketKeys tickets_;  // thread-safe
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

}  // namespace bimodal::tls
