// The server's side of one HTTP/2 connection (RFC 9113), its WebSockets included (RFC 8441). Loop-bound, no product
// logic. Framing, HPACK and the states of streams are nghttp2's; what a peer may cost is decided here.
//
// Bounds: kMaxStreams at once; a stream's body waits in at most kStreamWindow bytes, all of a connection's in kMaxHeld
// and one window more, so that a responder that doesn't read holds up its own stream only; a head of max_head_bytes,
// in at most kMaxContinuations further frames; kMaxQueued bytes of frames that the socket doesn't take, and one frame
// more; Http2Floods for whatever else a peer may send. Priorities are ignored (RFC 9113 §5.3.2).
// Time: a head must be whole within head_timeout, the first one as well; a connection without streams is closed after
// idle_timeout, one whose peer doesn't read is cut after it, and so is a stream whose body doesn't come or whose
// response isn't let go by the peer's windows.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/caller.h"
#include "http/connection_limits.h"
#include "http/http2_floods.h"
#include "http/http2_frame_scan.h"
#include "http/http2_head.h"
#include "http/http2_stream.h"
#include "http/reactor.h"
#include "http/send_queue.h"
#include "http/service.h"
#include "http/transport.h"

namespace bimodal::http {

class Http2Connection final : public Connection {
 public:
  static constexpr std::uint32_t kMaxStreams = 128;
  static constexpr std::int32_t kStreamWindow = 65535;
  static constexpr std::int32_t kConnectionWindow = 1 << 20;
  static constexpr std::size_t kMaxHeld = 1 << 20;
  static constexpr std::size_t kMaxQueued = 64 * 1024;
  static constexpr int kMaxContinuations = 8;  // nghttp2's own bound as well

  // `limits` outlives the connection.
  Http2Connection(
      Reactor& reactor, Transport transport, const Address& peer, Service& service, const ConnectionLimits& limits);
  ~Http2Connection() override;

  // Begins to read. `received` is what others read of this transport.
  void start(std::string received = {});

  // Connection. Draining tells the peer twice (RFC 9113 §6.8), so that no request on its way is lost.
  void drain() override;
  void pass_on() override { drain(); }
  void cut() override;

  // --- for its streams ---

  BufferPool& buffers() { return reactor_.buffers(); }
  std::string_view date() { return reactor_.date(); }
  std::chrono::milliseconds patience() const { return limits_.idle_timeout; }
  void arm(TimerWheel::Timer& timer, std::chrono::milliseconds span) { reactor_.arm(timer, span); }
  void disarm(TimerWheel::Timer& timer) { reactor_.disarm(timer); }
  // Accounts of what was received: the connection's window is owed it, the stream has taken it, nobody has yet.
  void owe(std::size_t bytes) { owed_ += bytes; }
  void consume(std::int32_t stream, std::size_t bytes);
  void hold(std::size_t bytes) { held_ += bytes; }
  void release(std::size_t bytes) { held_ -= bytes; }
  void deliver_later(Http2Stream& stream);
  void pause_later(Http2Stream& stream) { touched_.push_back(stream.id()); }
  void submit_continue(std::int32_t stream);
  enum class ResponseBody { None, Follows };
  void submit_response(Http2Stream& stream, const std::vector<nghttp2_nv>& fields, ResponseBody body);
  void submit_trailer(std::int32_t stream, const std::vector<nghttp2_nv>& fields);
  void resume(std::int32_t stream);
  void reset(std::int32_t stream, std::uint32_t code);
  void flush_later() {
    if (!closed_) reactor_.poller().defer(*this);
  }
  // Answers a request that can't be understood.
  void refuse(Http2Stream& stream, int status, std::string_view reason);

 private:
  struct Callbacks;  // http2_callbacks.cc: what nghttp2 calls
  // Of several a connection has.
  struct Alarm final : TimerWheel::Timer {
    using Ring = void (Http2Connection::*)();
    Alarm(Http2Connection& connection, Ring ring) : connection(connection), ring(ring) {}
    void on_timeout() override { (connection.*ring)(); }
    Http2Connection& connection;
    Ring ring;
  };
  // The last few streams that something happened to.
  struct Recent {
    void add(std::int32_t stream) { streams[next++ % streams.size()] = stream; }
    bool has(std::int32_t stream) const { return std::find(streams.begin(), streams.end(), stream) != streams.end(); }
    std::array<std::int32_t, 32> streams{};
    std::size_t next = 0;
  };
  struct SessionDeleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  void on_ready(std::uint32_t events) override;
  void on_turn_end() override;

  nghttp2_session* open_session();

  void read();
  void receive(std::string_view bytes);
  void deliver_bodies();
  void tell_pauses();
  void repay();
  void pump();
  // False when nghttp2 has no more to say now.
  bool pull_frames();
  void tell_sent();
  void end_if_over();
  void end_streams();
  void lose();
  void close();
  void update_interest();
  void watch_block(bool progress);

  void begin_block(std::int32_t stream);
  // False when the peer goes too far.
  bool add_to_block(std::string_view name, std::string_view value);
  void end_block(bool ended);
  Http2Stream* find(std::int32_t stream);
  void drop(std::int32_t stream);
  // The rules that nghttp2 doesn't apply.
  void check_frame(const FrameHead& frame);
  // Refuses what a stream that is closed, or was left out, can't get (RFC 9113 §5.1, §5.1.1).
  void check_stream(const FrameHead& frame);
  // Ends the connection for what the peer did.
  void end(std::uint32_t code);
  void calm() { end(NGHTTP2_ENHANCE_YOUR_CALM); }
  // Takes a token for what the peer did, or calms it.
  void charge(TokenBucket& bucket);

  void on_idle();
  void on_block();
  void on_late_head() { lose(); }
  void on_drain();

  Reactor& reactor_;
  Transport transport_;
  Service& service_;
  const ConnectionLimits& limits_;
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  SendQueue out_;
  std::string early_;  // of start()
  std::unordered_map<std::int32_t, std::unique_ptr<Http2Stream>> streams_;
  std::vector<std::int32_t> touched_;  // in this turn's input
  std::vector<std::int32_t> resumed_;  // were granted what had come already
  std::vector<std::int32_t> sent_;     // some of their output left
  FrameScan scan_;
  HeadBlock block_;                // being received
  std::int32_t block_stream_ = 0;  // 0: none
  int continuations_ = 0;
  Http2Floods floods_;
  Recent reset_here_;  // the peer may not know yet
  Recent over_;        // closed by both sides, or by the peer
  Alarm idle_, blocked_alarm_, head_, drain_;
  std::size_t held_ = 0;  // of bodies, in all streams
  std::size_t owed_ = 0;  // of the connection's window
  std::uint32_t watched_ = 0;
  bool block_too_large_ = false;
  bool blocked_ = false;    // the socket takes no more
  bool drained_ = false;    // drain() was called
  bool told_last_ = false;  // which stream is the last
  bool ending_ = false;     // terminated: the last frames go out
  bool shut_ = false;       // our side is; reading and dropping, so that our last frames aren't lost to a reset
  bool closed_ = false;
};

}  // namespace bimodal::http
