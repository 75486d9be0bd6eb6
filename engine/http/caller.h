// Who a request came from, and what its answer goes to: an HTTP/1 connection, or one stream of an HTTP/2 connection.
// Loop-bound. Good from Service::on_request() until the response is finished or aborted, or the responder heard
// on_gone(); a caller that keeps its connection may bring the next request as the same object.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/address.h"
#include "http/poller.h"
#include "http/response_head.h"
#include "http/transport.h"

namespace bimodal::http {

class Responder;

// The other end of a connection, the text of its address made once.
struct Peer {
  Peer(const Address& address, std::string_view tls)
      : address(address), host(address.host()), port(address.port()), tls(tls) {}
  bool secure() const { return !tls.empty(); }
  const Address address;
  const std::string host;
  const std::uint16_t port;
  const std::string_view tls;  // "TLSv1.3"; empty: in clear
};

class Caller {
 public:
  void attach(Responder& responder) { responder_ = &responder; }
  // Lets the responder have `bytes` more of the body.
  virtual void grant_body(std::size_t bytes) = 0;
  // Writes "100 Continue" if the client waits for it.
  virtual void send_continue() = 0;
  // Writes the head. False, with nothing written, when it can't be sent (see write_response_head).
  virtual bool begin_response(const ResponseHead& head) = 0;
  // Writes part of the body; dropped where the response has none or is longer than it said. Nobody bounds what waits
  // but the responder, by unsent().
  virtual void write(std::string_view bytes) = 0;
  // The response is complete. `trailers` go out where the framing has a place for them, but for those that can't be
  // written.
  virtual void finish(std::span<const Field> trailers) = 0;
  void finish() { finish({}); }
  // Head, body and end in one.
  void reply(int status, std::span<const Field> fields, std::string_view body);
  // Accepts the switch that the request asks for and leaves HTTP: from here on what the caller sends is the responder's
  // on_body(), as far as it is granted and without a last part, and write() sends bytes as they are; finish() ends our
  // side once they are out. A peer that is silent isn't cut off. False, with nothing written, when a field can't be
  // sent.
  virtual bool switch_protocols(
      std::string_view protocol, std::span<const Field> fields, std::span<const Field> extra) = 0;
  // Ends the response so that the client sees that it is incomplete. No on_gone() follows.
  virtual void abort() = 0;
  // Only within Service::on_request(), for a request without a body: its transport, for another loop to serve. The
  // connection is over, as if closed; what it had read behind the request's head is lost. None where others share it.
  virtual Transport hand_over() = 0;

  virtual bool response_begun() const = 0;
  // Bytes that were written and haven't left.
  virtual std::size_t unsent() const = 0;
  const Address& peer() const { return peer_.address; }
  const std::string& peer_host() const { return peer_.host; }
  std::uint16_t peer_port() const { return peer_.port; }
  std::string_view tls() const { return peer_.tls; }
  bool secure() const { return peer_.secure(); }

 protected:
  // `peer` outlives the caller.
  explicit Caller(const Peer& peer) : peer_(peer) {}
  ~Caller() = default;

  Responder* responder_ = nullptr;

 private:
  const Peer& peer_;
};

// A connection as the service that it was made for holds it. Loop-bound; closed before it is destroyed, and destroyed
// by Poller::retire().
class Connection : public Poller::Source {
 public:
  // Closes now when idle, else after the running responses.
  virtual void drain() = 0;
  // Gives its socket to the service as soon as no request runs on it: now when idle. A connection that is to end with
  // the running request does, and one that can't be given away drains: of one with TLS, the keys stay in this process.
  virtual void pass_on() = 0;
  // Closes at once; the responders, if any, hear on_gone().
  virtual void cut() = 0;

  const Address& remote() const { return remote_.address; }

 protected:
  Connection(const Address& peer, std::string_view tls) : remote_(peer, tls) {}

  const Peer remote_;
};

}  // namespace bimodal::http
