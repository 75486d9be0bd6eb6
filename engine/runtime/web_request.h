// One web request that a container serves by the client's own path: between a stream of the gateway (wire/frame.h) and
// the messages that the client fetches and puts. Loop-bound.
//
// Buffers at most wire::kInitialCredit bytes of request body, and of the response what one put() brings: it completes
// when the gateway took all of it, and the next is refused before. Of a WebSocket's messages to the application as many
// bytes and one message more, which the gateway bounds. Coroutines of it must hold the object.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/pulse.h"
#include "async/task.h"
#include "base/result.h"
#include "runtime/web_messages.h"
#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::runtime {

// The gateway's connection as a request sees it.
class GatewaySide {
 public:
  virtual void send(wire::FrameHeader header, std::string_view payload) = 0;
  virtual void forget(std::uint32_t stream) = 0;  // its request is over

 protected:
  ~GatewaySide() = default;
};

class WebRequest {
 public:
  // `head` is an encoded wire::RequestHead. Check good() before anything else.
  WebRequest(boost::asio::any_io_executor executor, GatewaySide& gateway, std::uint32_t stream, std::string head);
  WebRequest(const WebRequest&) = delete;
  WebRequest& operator=(const WebRequest&) = delete;

  bool good() const { return good_; }
  const wire::RequestHead& head() const { return head_; }
  std::string input_id() const { return "in-" + std::string(head_.request_id); }
  std::string call_id() const { return "fc-" + std::string(head_.request_id); }

  // From the gateway.
  bool add_body(std::string_view bytes, bool end);  // false: more than it has credit for
  // A piece of a WebSocket's message, and its caller's end. False: the same, or this is no WebSocket.
  bool add_message(wire::FrameType type, std::string_view bytes, bool end);
  bool close_by_caller(std::uint32_t code);
  void add_credit(std::uint32_t bytes);
  void cancel();        // nobody waits for the response any more: the application hears of a disconnect
  void lose_gateway();  // the same, and nothing can be sent

  // From the container. The next message for the application, the first at once, even without a body; after the last
  // waits for the end, and then gives none. `taken` messages were taken before: DataLoss when it's another number.
  Task<Result<std::optional<WebInput>>> next_input(std::uint64_t taken);
  // FailedPrecondition while another put() runs. What can't be sent any more is dropped.
  Task<Result<void>> put(std::vector<WebOutput> outputs);
  // The application's task ended; `failure` in one line, empty if there was none.
  void end(const std::string& failure);

 private:
  enum class Phase { NotStarted, Started, BodyEnded, Complete };

  bool is_socket() const { return head_.kind == wire::RequestKind::WebSocket; }
  std::optional<WebInput> ready_input();
  std::optional<WebInput> ready_message();
  void abandon_messages();
  WebInput take_body();
  void return_credit();
  Task<void> put_one(WebOutput output);
  Task<void> put_body(std::string body, bool more);
  void accept(const WebOutput& output);
  Task<void> put_message(WebOutput message);
  void close(const WebOutput& output);
  void start_response(const WebOutput& start);
  void send_trailers(const WebOutput& trailers);
  void send_piece(std::string_view piece, bool end);
  void send(wire::FrameHeader header, std::string_view payload);
  void complete();
  void break_off(const char* reason);
  bool is_deaf() const { return gateway_ == nullptr || disconnected_ || broken_off_; }

  GatewaySide* gateway_;  // null: over, or lost
  const std::uint32_t stream_;
  const std::string head_bytes_;
  wire::RequestHead head_;  // points into head_bytes_
  bool good_;
  Pulse changed_;

  // To the application.
  std::string body_;
  bool body_ended_ = false;      // the gateway sent the end
  bool body_end_taken_ = false;  // the container took it
  bool disconnected_ = false;
  bool disconnect_taken_ = false;
  std::uint64_t inputs_taken_ = 0;
  std::size_t body_credit_ = wire::kInitialCredit;
  std::size_t owed_credit_ = 0;  // body taken, for which the gateway got none yet
  std::string partial_;          // of a WebSocket's message whose end has not come
  std::deque<WebInput> messages_;
  std::deque<std::size_t> message_costs_;  // the credit that each took
  std::uint32_t close_code_ = 0;           // with which a WebSocket ended

  // From the application.
  Phase phase_ = Phase::NotStarted;
  std::string response_head_;  // encoded; held until the first piece of body
  bool trailers_ = false;
  std::uint64_t credit_ = wire::kInitialCredit;
  bool putting_ = false;
  bool broken_off_ = false;  // the gateway was told that the response is no good
  bool over_ = false;
};

}  // namespace bimodal::runtime
