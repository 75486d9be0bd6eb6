// One stream of a connection as the connection sees it: whatever answers a Request frame.
#pragma once

#include <cstdint>
#include <string_view>

#include "py.h"
#include "wire/frame.h"

namespace bimodal::runner {

// Why the gateway ended a stream; the numbers of Cancel's `extra`.
enum class CancelReason : std::uint32_t { CallerGone = 1, TimedOut = 2, Draining = 3 };

class Stream {
 public:
  // False: the gateway sent more than it had credit for.
  virtual bool add_body(std::string_view bytes, bool end) = 0;
  // A piece of a WebSocket's message, and its caller's end; false also where the stream is no WebSocket.
  virtual bool add_message(wire::FrameType, std::string_view, bool /*end*/) { return false; }
  virtual bool close_by_caller(std::uint32_t /*code*/, std::string_view /*reason*/) { return false; }
  virtual void add_credit(std::uint32_t bytes) = 0;
  virtual void cancel(CancelReason reason) = 0;
  // The connection broke: as a caller that is gone, and nothing can be sent any more.
  virtual void lose_connection() = 0;
  // The connection's object goes, without any of that.
  virtual void detach() = 0;
  virtual bool finished() const = 0;
  virtual bool is_tunnel() const { return false; }
  virtual PyObject* task() const = 0;  // the asyncio task that runs it; null without one

 protected:
  ~Stream() = default;
};

// A stream and the Python object that it lives in.
struct StreamRef {
  Ref object;
  Stream* stream = nullptr;
};

}  // namespace bimodal::runner
