// The server's side of one HTTP/1 connection: reads requests one after the other, writes their responses in order.
// Loop-bound, no product logic.
//
// It reads ahead at most kMaxReadAhead bytes while a request is being answered, reads a body only as far as the
// responder granted, takes no further request while more than kMaxUnsent bytes of responses wait, and writes as the
// responder says, who must keep unsent() bounded. Time limits: a head must be whole within head_timeout, an idle
// connection is closed after idle_timeout, and so is one whose peer neither sends the body that we wait for nor reads
// the response for that long.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/caller.h"
#include "http/chunk_decoder.h"
#include "http/connection_limits.h"
#include "http/reactor.h"
#include "http/response_head.h"
#include "http/send_queue.h"
#include "http/service.h"
#include "http/transport.h"

namespace bimodal::http {

// What a client that knows that HTTP/2 is spoken sends first (RFC 9113 §3.4).
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class ServerConnection final : public Connection, public Caller, private TimerWheel::Timer {
 public:
  static constexpr std::size_t kMaxReadAhead = 64 * 1024;
  static constexpr std::size_t kMaxUnsent = 256 * 1024;
  // What is left of a body when its response is finished is read and dropped up to here, else the connection closes.
  static constexpr std::uint64_t kMaxDiscard = 256 * 1024;

  // `limits` outlives the connection.
  ServerConnection(
      Reactor& reactor, Transport transport, const Address& peer, Service& service, const ConnectionLimits& limits);
  ~ServerConnection() override;

  // Begins to read; before that nothing happens. `received` is what others read of this transport.
  void start(std::string received = {});

  // Caller
  void grant_body(std::size_t bytes) override;
  Transport hand_over() override;
  void send_continue() override;
  bool begin_response(const ResponseHead& head) override;
  void write(std::string_view bytes) override;
  using Caller::finish;
  void finish(std::span<const Field> trailers) override;
  bool switch_protocols(
      std::string_view protocol, std::span<const Field> fields, std::span<const Field> extra) override;
  void abort() override;
  bool response_begun() const override { return response_ != ResponseState::None; }
  std::size_t unsent() const override { return out_.size(); }

  // Connection
  void drain() override;
  void pass_on() override;
  void cut() override;

 private:
  enum class Input : std::uint8_t {
    Head,      // waiting for a request, or in the middle of its head
    Body,      // in the middle of its body
    Received,  // whole; reading on only to see the caller leave
    Lingering  // reading and dropping, so that the last response isn't lost to a reset
  };
  enum class ResponseState : std::uint8_t { None, Begun, Finished };

  void on_ready(std::uint32_t events) override;
  void on_turn_end() override;
  void on_timeout() override;

  // server_connection_input.cc: from bytes to requests.
  void read();
  void on_eof();
  void process_pending();
  std::size_t process(char* data, std::size_t size);
  std::size_t consume(char* data, std::size_t size);
  std::size_t consume_head(char* data, std::size_t size);
  enum class Preface { No, Maybe, Yes };
  Preface look_for_http2(std::string_view bytes);
  std::size_t turn_to_http2(std::string_view bytes);
  std::size_t consume_sized(std::string_view input);
  std::size_t consume_chunked(std::string_view input);
  void deliver(std::string_view bytes, Part part);
  void begin_request(const RequestHead& head);
  void next_request();
  void refuse(int status, std::string_view reason);
  std::size_t body_allowance() const;

  // server_connection.cc: from responses to bytes, and the connection's end.
  void end_exchange();
  void close_gracefully();
  void pass_on_if_idle();
  void flush();
  void end_our_side();
  void note_sent(SendQueue::Outcome outcome);
  void lose();
  void close();
  void read_what_is_left();
  void update_interest();
  void watch_time();

  Reactor& reactor_;
  Transport transport_;
  Service& service_;
  const ConnectionLimits& limits_;
  SendQueue out_;
  std::string pending_;          // received, not consumed
  std::size_t head_resume_ = 0;  // where scanning the head in pending_ goes on
  std::size_t grant_ = 0;        // bytes of body that the responder still takes
  std::uint64_t body_left_ = 0;  // of a sized body; of a chunked one that is dropped, what may still be
  std::uint64_t response_left_ = 0;
  ChunkDecoder chunks_;
  ResponseContext context_;
  Framing framing_;
  std::uint32_t interest_ = 0;  // EPOLLIN | EPOLLOUT
  std::uint32_t watched_ = 0;   // what the poller waits for, for that
  Input input_ = Input::Head;
  ResponseState response_ = ResponseState::None;
  bool first_ = true;  // no request has come
  bool chunked_body_ = false;
  bool continue_wanted_ = false;
  bool head_started_ = false;  // its time runs
  bool pause_due_ = false;     // the responder hears on_input_pause() when what was read is consumed
  bool processing_ = false;
  bool resume_ = false;    // pending_ may be consumed further at the end of the turn
  bool blocked_ = false;   // the socket takes no more
  bool broken_ = false;    // the socket refused a write
  bool switched_ = false;  // to another protocol
  bool draining_ = false;
  bool passing_ = false;        // takes no further request
  bool more_may_come_ = false;  // Lingering: behind the last request
  bool shut_ = false;           // Lingering: our side is shut, waiting for the peer's
  bool closed_ = false;
};

}  // namespace bimodal::http
