// Between a server connection and what answers its requests. Loop-bound.
#pragma once

#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "http/request_head.h"
#include "http/transport.h"

namespace bimodal::http {

class Caller;
struct Address;
class Connection;

enum class Part { More, Last };

// One request's application side. The caller's connection calls it from on_request() on until the response is finished
// or on_gone(); it never calls it again after either.
class Responder {
 public:
  // The next bytes of the request's body, never more than was granted; `bytes` may be empty with Part::Last.
  virtual void on_body(std::string_view bytes, Part part) = 0;
  // What has arrived of the request is delivered; the next on_body() comes in a later turn, if any.
  virtual void on_input_pause() {}
  // Some of what was written has left: unsent() is smaller than before.
  virtual void on_sent() {}
  // The caller went away, stopped sending or reading, or was cut off. The connection is not to be touched any more.
  virtual void on_gone() = 0;

 protected:
  ~Responder() = default;
};

class Service {
 public:
  // A request has come. `head` and its views are good for this call only. The service answers at once, or names a
  // Responder by attach(), which hears the body as far as it is granted.
  virtual void on_request(Caller& caller, const RequestHead& head) = 0;
  // A request that can't be understood: the service answers with `status`; an HTTP/1 connection closes then.
  virtual void on_bad_request(Caller& caller, int status, std::string_view reason) = 0;
  // The connection is closed and will be destroyed at the end of the turn.
  virtual void on_closed(Connection& connection) = 0;
  // After Connection::pass_on(), behind on_closed(): the socket, between two requests, and what was read of the
  // next one.
  virtual void on_passed_on(UniqueFd socket, std::string received) {
    static_cast<void>(socket);
    static_cast<void>(received);
  }
  // Whether a client that begins to speak HTTP/2 on this connection, unasked (RFC 9113 §3.3), may do so.
  virtual bool takes_http2(const Caller& caller) {
    static_cast<void>(caller);
    return false;
  }
  // It does: behind on_closed(), the transport and what was read of it, from the preface on.
  virtual void on_http2(Transport transport, const Address& peer, std::string received) {
    static_cast<void>(transport);
    static_cast<void>(peer);
    static_cast<void>(received);
  }

 protected:
  ~Service() = default;
};

}  // namespace bimodal::http
