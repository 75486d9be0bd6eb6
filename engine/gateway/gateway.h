// The front door for web requests: HTTP/1.1 and HTTP/2, with and without TLS, on every gateway loop, routed by host to
// a function's pool.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gateway/edge_settings.h"
#include "gateway/kept_answers.h"
#include "gateway/traffic.h"
#include "metrics/page.h"
#include "model/model.h"
#include "model/proxy_token.h"
#include "scheduler/functions.h"
#include "tls/context.h"

namespace bimodal::gateway {

// What becomes of plain HTTP where callers can have TLS. Callers on this host are served in any case.
enum class PlainHttp { Redirect, Serve };

struct GatewayLimits {
  std::uint64_t max_body_bytes = std::uint64_t{4} << 30;
  std::uint64_t max_message_bytes = 2 << 20;  // of a WebSocket, expanded
  // To the caller of a WebSocket; one from whom nothing came between two is cut off.
  std::chrono::milliseconds websocket_ping = std::chrono::seconds(30);
  std::size_t max_head_bytes = 64 * 1024;
  std::chrono::milliseconds head_timeout = std::chrono::seconds(30);
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(75);
  // For the first byte of an announced body, once a container has taken the request.
  std::chrono::milliseconds first_message_timeout = std::chrono::seconds(5);
  // For a container that broke off to be known as dead, and why; then its callers are told without a reason.
  std::chrono::milliseconds exit_patience = std::chrono::seconds(2);
  // 0: never. A caller who has no response by then is answered 303 and asks again with a GET.
  std::chrono::milliseconds redirect_after{0};
  std::chrono::milliseconds redirect_patience = std::chrono::minutes(5);  // for that GET
  bool cold_start_header = false;  // tells who waited for a start what took how long
  // For WebSockets and event streams in a container whose version is served no longer. Then they are ended.
  std::chrono::milliseconds stream_drain = std::chrono::seconds(30);
  std::size_t max_connections = 65536;
  std::size_t max_handshakes = 1024;  // of TLS, at once
  // For a certificate that a caller's handshake waits for.
  std::chrono::milliseconds certificate_timeout = std::chrono::seconds(30);
  PlainHttp plain = PlainHttp::Redirect;
  // 0: as many as come. Beyond them: 429.
  std::int64_t requests_per_second = 0;           // of the workspace
  std::int64_t function_requests_per_second = 0;  // of each function
  std::int64_t client_requests_per_second = 0;    // of each client's address
  // At once as many as come in this time at that pace.
  std::chrono::milliseconds requests_burst = std::chrono::seconds(5);
  EdgeSettings edge;
};

// A request for the daemon itself (blob upload and download): host is an address or unknown, path begins with
// kInternalPrefix. Bodies are streamed to and from files.
inline constexpr std::string_view kInternalPrefix = "/_bimodal/";

// So many bytes of a file, from `offset` on.
struct BlobPart {
  std::filesystem::path file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  // 0: all
};

// Where blobs are read and written over plain HTTP. Every method may block: the gateway calls them on its blocking
// threads, several at a time. `token` is the last path component.
class BlobGate {
 public:
  virtual ~BlobGate() = default;
  // A file to write the body of PUT /_bimodal/blobs/<token> to, or NotFound. commit() is called once it is complete.
  virtual Result<std::filesystem::path> open_upload(const std::string& token, std::uint64_t size) = 0;
  virtual Result<void> commit_upload(const std::string& token, const std::string& md5_hex) = 0;
  // What is behind GET /_bimodal/blobs/<token>.
  virtual Result<BlobPart> open_download(const std::string& token) = 0;
};

// Takes a connection of a caller's, between two requests, and what was read of the next one. Any gateway loop; may
// block for a moment.
using PassOn = std::function<void(UniqueFd socket, std::string_view received)>;
// The same for the answer of a call that was redirected, for the daemon that takes over.
using PassAnswer = std::function<void(KeptAnswer answer)>;

// Where callers with TLS are taken, besides.
struct SecureEntry {
  std::string address;            // "127.0.0.1:8443"; port 0 picks one
  std::vector<UniqueFd> sockets;  // instead, where there are any: from another daemon's share_secure_listeners()
  tls::Context& context;          // outlives the gateway
};

// What an ACME server is to read at /.well-known/acme-challenge/<token>; none: the path is the app's. Any loop.
using ChallengeAnswer = std::function<std::optional<std::string>(std::string_view token)>;

class Gateway {
 public:
  // Binds `address` ("127.0.0.1:8080"; port 0 picks one) for every loop in `loops`. AlreadyExists when it is in use.
  static Result<std::unique_ptr<Gateway>> listen(
      std::vector<Loop*> loops, const std::string& address, scheduler::Functions& functions, BlobGate& blobs,
      GatewayLimits limits);
  // The same on sockets that listen at one address, from accept() on: those of another daemon's share_listeners().
  // Loops without a socket get one.
  static Result<std::unique_ptr<Gateway>> serve(
      std::vector<Loop*> loops, std::vector<UniqueFd> sockets, scheduler::Functions& functions, BlobGate& blobs,
      GatewayLimits limits);
  virtual ~Gateway() = default;

  virtual std::uint16_t port() const = 0;
  // Control loop, once: takes callers with TLS too, from the next accept() on. AlreadyExists as listen().
  virtual Result<void> open_secure(SecureEntry entry) = 0;
  virtual std::uint16_t secure_port() const = 0;  // 0: there is no such entry
  // Before the loops run.
  virtual void answer_challenges(ChallengeAnswer answer) = 0;
  // Takes callers. After listen(), it does already, but for those with TLS.
  virtual void accept() = 0;
  // Other descriptors of the listening sockets, for the daemon that takes over. Control loop.
  virtual Result<std::vector<UniqueFd>> share_listeners() const = 0;
  virtual Result<std::vector<UniqueFd>> share_secure_listeners() const = 0;
  // Control loop: a caller's connection of another daemon, between two requests, and what that read of the next one.
  virtual void adopt(UniqueFd socket, std::string received) = 0;
  // Any thread. Answers of redirected calls of another daemon, until it expects no more.
  virtual void expect_answers(bool expected) = 0;
  virtual void keep_answer(KeptAnswer answer) = 0;
  // Any thread: swaps the whole routing table.
  virtual void publish(std::vector<model::Route> routes) = 0;
  // Any thread: whether some function has that host name, in lower case and without port.
  virtual bool serves(std::string_view host) const = 0;
  // Any thread: these proxy tokens are accepted from now on, and no others. None at first.
  virtual void publish_tokens(std::vector<model::ProxyToken> tokens) = 0;
  // Any thread: what was counted so far.
  virtual void write_metrics(metrics::Page& page) const = 0;
  virtual std::vector<TrafficSummary> summaries() const = 0;
  // Stops accepting, lets running requests finish until `grace`, then cuts them. Connections go to `pass_on`, where
  // there is one, between two requests; else they are closed. From the control loop.
  // Answers of redirected calls go to `pass_answer`; without, they are lost.
  virtual Task<void> close(Deadline grace, PassOn pass_on, PassAnswer pass_answer) = 0;
  Task<void> close(Deadline grace) { return close(grace, nullptr, nullptr); }
};

}  // namespace bimodal::gateway
