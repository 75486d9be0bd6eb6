// One loop's way into one container, for many requests at once: to its runner, or to a server that listens there.
// Loop-bound. Requests are named by stream numbers, and described by the frames of wire/frame.h either way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/service.h"
#include "http/websocket_session.h"
#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::gateway {

enum class CancelReason : std::uint32_t { CallerGone = 1, TimedOut = 2, Draining = 3 };

// What becomes of a request whose way into the container broke. Repeatable: the container had not begun with it, or it
// may be done twice (RFC 9110 §9.2.2), so that it can go elsewhere.
// MaybeItsFault: it may be done twice, but the container's server may have died of it, so that one other may, too.
enum class Loss { Repeatable, MaybeItsFault, Final };

class ContainerLink {
 public:
  // One request as the link sees it. After on_done() or on_lost() it hears nothing more.
  class Stream {
   public:
    virtual void on_response(const wire::ResponseHead& head, std::string_view body, http::Part part) = 0;
    virtual void on_response_body(std::string_view bytes, http::Part part) = 0;
    virtual void on_trailers(const wire::Headers& trailers) = 0;
    virtual void on_credit(std::uint32_t bytes) = 0;
    virtual void on_uncongested() = 0;
    virtual void on_abort(std::string_view reason) = 0;
    // The container's server answered nothing, or what can't be passed on. The same as an Abort otherwise.
    virtual void on_bad_answer(std::string_view reason) = 0;
    // The container's server broke off before its answer was whole: by itself, or because the container ends.
    virtual void on_hang_up(std::string_view reason) { on_bad_answer(reason); }
    // Only of a WebSocket's stream. False: that wasn't allowed, which ends the connection.
    virtual bool on_accept(const wire::AcceptHead&) { return false; }
    virtual bool on_message(http::MessageKind, std::string_view /*bytes*/, http::Part) { return false; }
    virtual bool on_close(std::uint16_t /*code*/, std::string_view /*reason*/) { return false; }
    // Only of a tunnel's stream: the answer is 101, and both bodies are bytes of that protocol from here on. False: the
    // head can't be passed on, and the stream has ended.
    virtual bool on_switch(std::string_view /*protocol*/, const wire::Headers&) { return false; }
    virtual void on_done() = 0;
    // The way into the container broke.
    virtual void on_lost(Loss loss) = 0;

   protected:
    ~Stream() = default;
  };

  // Opens a stream with `frames` (a Request frame, maybe Body frames; their stream numbers are filled in here) and
  // returns its number. What is in `frames` and what send_body() adds is to be kept until may_be_begun(), for a
  // container that dies before.
  virtual std::uint32_t open(Stream& stream, std::string& frames) = 0;
  // Whether the container may have begun with an open stream. Once true it stays so.
  virtual bool may_be_begun(std::uint32_t stream) const = 0;
  virtual void send_body(std::uint32_t stream, std::string_view bytes, http::Part part) = 0;
  virtual void send_credit(std::uint32_t stream, std::uint32_t bytes) = 0;
  virtual void send_cancel(std::uint32_t stream, CancelReason reason) = 0;
  // The stream's owner goes; whatever the container still says about it is dropped.
  virtual void abandon(std::uint32_t stream) = 0;
  // Streams should send no more body until they hear on_uncongested().
  virtual bool congested() const = 0;
  // Every stream hears on_lost().
  virtual void close() = 0;

 protected:
  ~ContainerLink() = default;
};

}  // namespace bimodal::gateway
