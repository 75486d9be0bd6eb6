// One request of an HTTP/2 connection and its response. Loop-bound; belongs to its Http2Connection, which destroys it
// at the end of the turn in which the stream closed.
//
// Memory: what was received and not taken by the responder is at most the stream's window; what was written waits here
// until the windows of stream and connection let it go, and the responder keeps it bounded by unsent().
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/caller.h"
#include "http/response_head.h"
#include "http/service.h"
#include "http/timer_wheel.h"

namespace bimodal::http {

class Http2Connection;
struct ResponseBlock;
struct RequestHead;

class Http2Stream final : public Poller::Retirable, public Caller, private TimerWheel::Timer {
 public:
  // What still comes of a body when its response is complete is dropped up to here and for so long; then the stream is
  // reset.
  static constexpr std::size_t kMaxDiscard = 32 * 1024;
  static constexpr std::chrono::seconds kDiscardTime{2};

  Http2Stream(Http2Connection& connection, const Peer& peer, std::int32_t id);
  ~Http2Stream() override;

  // Caller
  void grant_body(std::size_t bytes) override;
  void send_continue() override;
  bool begin_response(const ResponseHead& head) override;
  void write(std::string_view bytes) override;
  using Caller::finish;
  void finish(std::span<const Field> trailers) override;
  bool switch_protocols(
      std::string_view protocol, std::span<const Field> fields, std::span<const Field> extra) override;
  void abort() override;
  Transport hand_over() override { return {}; }
  bool response_begun() const override { return response_ != State::None; }
  std::size_t unsent() const override { return out_.size() - sent_; }

  // --- for the connection ---

  std::int32_t id() const { return id_; }
  // The head has come. on_request() follows.
  void begin(const RequestHead& head, bool ended);

  // Bytes of body; those that nobody takes now are kept, and counted by the connection.
  void on_data(std::string_view bytes);
  void on_end();
  // Delivers what is granted, and the end behind it.
  void deliver();
  // The turn's input is over.
  void pause();
  // The next bytes of the response for a frame of at most `size`, and what follows them.
  enum class Follows { More, Nothing, End, Trailers, Reset };
  std::pair<std::size_t, Follows> take_output(char* to, std::size_t size);
  void submit_trailers();
  void note_sent();
  // No frame of it will come or go any more: tells the responder, unless the response is complete.
  void close();
  // The last frame of the response has left; the peer may go on with its body for a moment (RFC 9113 §8.1).
  void on_response_sent();

 private:
  enum class State : std::uint8_t { None, Begun, Finished };

  void on_timeout() override;
  void touch();
  bool waits_for_body() const;
  bool takes_body() const { return responder_ != nullptr && response_ != State::Finished; }
  // `progress`: something moved, so that the peer has its whole time again.
  void watch_time(bool progress);
  void submit_head(const ResponseBlock& block, bool has_body);
  void resume_output();
  void give_up(std::uint32_t code);

  Http2Connection& connection_;
  const std::int32_t id_;
  State response_ = State::None;
  bool ended_ = false;     // the peer's side
  bool end_told_ = false;  // to the responder
  bool body_due_ = false;  // the responder waits for a body, or for what comes behind the switch
  bool is_head_ = false;
  bool websocket_ = false;  // asked for
  bool switched_ = false;
  bool continue_wanted_ = false;
  bool sized_ = false;     // the response states its length
  bool bodiless_ = false;  // the response's head was its end
  bool waiting_ = false;   // for output: nghttp2 is to be told of more
  bool aborting_ = false;  // what is written goes out, then a reset
  bool touched_ = false;   // pause() is due
  bool resumed_ = false;   // deliver() is due
  bool timed_ = false;
  bool over_ = false;  // the response was sent
  bool closed_ = false;
  std::size_t grant_ = 0;
  std::uint64_t response_left_ = 0;
  std::size_t discarded_ = 0;  // of the body, behind the response
  std::string in_;             // received, not taken
  std::string out_;            // written, not sent
  std::size_t sent_ = 0;       // of out_
  std::vector<std::pair<std::string, std::string>> trailers_;

  friend class Http2Connection;
};

}  // namespace bimodal::http
