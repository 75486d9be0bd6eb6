// One web request: from its head, through the wait for a slot and the stream to a container, to the return of that
// slot. Loop-bound.
//
// Two sides end independently. The caller's side ends when the response is written or the caller goes; the container's
// when its Done arrives or it dies. The slot is given back with the container's side, and the exchange is released when
// both are over. The request's frames are kept until the container may have begun with them: one that dies before has
// its request sent to another, in front of those that wait. Memory per exchange: at most one Request frame
// (wire::kMaxPayload) before the slot is had, kMaxKept until the container begins; then at most wire::kInitialCredit
// bytes of response and as much of trailers as one frame holds.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "gateway/access_log.h"
#include "gateway/edge_error.h"
#include "gateway/redirection.h"
#include "gateway/request_id.h"
#include "gateway/routing_table.h"
#include "gateway/runner_connection.h"
#include "gateway/traffic.h"
#include "gateway/websocket_bridge.h"
#include "http/caller.h"
#include "http/service.h"
#include "http/websocket_handshake.h"
#include "http/websocket_trail.h"
#include "scheduler/pool.h"

namespace bimodal::gateway {

class Front;
struct Awaited;

class Exchange final : public http::Poller::Retirable,
                       public http::Responder,
                       public ContainerLink::Stream,
                       public WebSocketBridge::Owner,
                       private http::TimerWheel::Timer {
 public:
  Exchange(
      Front& front, http::Caller& client, const RequestId& id, std::shared_ptr<scheduler::PoolSource> source,
      std::shared_ptr<scheduler::Pool> pool, Traffic& traffic, Method method, const FunctionTraffic::Names& names);
  ~Exchange() override;

  // Before start(): the request is that handshake, which is good.
  void expect_websocket(http::WebSocketHandshake handshake);
  // Before start(): the request asks the container's server for another protocol.
  void expect_switch() { tunnel_ = Tunnel::Asked; }
  // Takes the request on. It may be answered (with an error) before this returns.
  void start(const http::RequestHead& head, const std::string& web_method);
  // The slot that was waited for, or why there is none.
  void on_slot(Result<scheduler::Lease> slot);
  // How the container ended that died with the request inside; nothing when that wasn't to be learnt in time.
  void on_container_end(const std::optional<scheduler::ContainerExit>& exit);

  // Its caller, who was sent to come again, is here. False: it isn't for that function, or has a caller.
  bool resume(http::Caller& client, const std::string& function_id);
  void on_redirect_time();
  // Without a caller: it is given up.
  void drop_parked();
  // The same, but the answer goes to the daemon that takes over, if there is one.
  void part_with_answer();
  // The gateway goes: a WebSocket is closed with 1012 and its connection with it, a tunnel, too; anything else goes on.
  void restart();

  std::size_t index = 0;  // the Front's place for it

 private:
  // Why a stream ends, for a WebSocket's Close.
  static constexpr std::string_view kLeft = "its container was replaced or stopped";

  enum class TimerUse { None, Retry, FirstMessage, FunctionTimeout, Farewell, Stuck };
  struct Trailers {
    using Field = std::pair<std::string, std::string>;
    std::vector<Field> fields;
    std::size_t size = 0;
  };

  // For the access log.
  struct Noted {
    Access access;
    std::string texts;  // that it looks at
  };

  // Of a request that waited for the start of its container.
  struct ColdStart {
    std::int64_t slot_ns = 0;
    std::string told;  // the header; empty: not answered yet, or not to be told
    bool counted = false;
  };

  // Of what may last: looks now and then whether its container is to leave, and ends it a drain time after that began.
  struct DrainWatch final : http::TimerWheel::Timer {
    explicit DrainWatch(Exchange& exchange) : exchange(exchange) {}
    void on_timeout() override { exchange.check_drain(); }
    Exchange& exchange;
    bool left = false;  // the container is gone, in order
  };

  enum class Tunnel : std::uint8_t { None, Asked, Open };

  // Of a tunnel that is a WebSocket.
  struct Trails {
    http::WebSocketTrail to_caller, to_server;
    bool ending = false;  // where the next frame ends
  };

  // http::Responder: what the caller does.
  void on_body(std::string_view bytes, http::Part part) override;
  void on_input_pause() override;
  void on_sent() override;
  void on_gone() override;

  // ContainerLink::Stream: what the container does.
  void on_response(const wire::ResponseHead& head, std::string_view body, http::Part part) override;
  void on_response_body(std::string_view bytes, http::Part part) override;
  void on_trailers(const wire::Headers& trailers) override;
  void on_credit(std::uint32_t bytes) override;
  void on_uncongested() override;
  void on_abort(std::string_view reason) override;
  void on_bad_answer(std::string_view reason) override;
  void on_hang_up(std::string_view reason) override;
  bool on_accept(const wire::AcceptHead& head) override;
  bool on_message(http::MessageKind kind, std::string_view bytes, http::Part part) override;
  bool on_close(std::uint16_t code, std::string_view reason) override;
  bool on_switch(std::string_view protocol, const wire::Headers& headers) override;
  void on_done() override;
  void on_lost(Loss loss) override;

  // WebSocketBridge::Owner
  void on_caller_over() override;

  void on_timeout() override;

  bool is_parked() const { return redirection_ && redirection_->parked; }
  void allow_redirect(const http::RequestHead& head);
  void keep_head(const wire::ResponseHead& head);
  void keep_body(std::string_view bytes, http::Part part);
  void hand_out_kept();
  void seek_slot();
  void wait_for_slot(scheduler::QueueEnd end);
  void serve_or_turn_away();
  void go_elsewhere(scheduler::Lease lost);
  void stop_waiting();
  void learn_end(std::shared_ptr<scheduler::Container> container);
  void dispatch(scheduler::Lease lease);
  void retry_later();
  void time_out();
  void check_first_message();
  void append_body(std::string_view bytes);
  void keep_for_another(std::string_view bytes);
  void forget_opening();
  void pump_upload();
  bool take_credit(std::size_t bytes);
  void return_credit();
  void on_runner_switch(const wire::ResponseHead& head, std::string_view body, http::Part part);
  bool switch_to_websocket(const wire::AcceptHead& head);
  http::CloseCode failure_code() const;
  RunnerConnection& runner() { return static_cast<RunnerConnection&>(*runner_); }  // of a WebSocket
  void watch_for_drain();
  void watch_if_event_stream(const std::vector<http::Field>& fields);
  void check_drain();
  void end_for_drain();
  bool is_leaving() const;
  // exchange_tunnel.cc
  void end_tunnel();
  void leave_tunnel();
  bool say_restart();
  bool pass_down(std::string_view bytes);
  void finish_response();
  // exchange_counting.cc: what is counted of it.
  void begin_counting(Method method);
  void count_slot();
  void count_answer(int status);
  void count_cold_start();
  void count_received(std::size_t bytes);
  void count_sent(std::size_t bytes);
  // exchange_access.cc
  std::span<const http::Field> own_fields(
      const std::vector<http::Field>& fields, std::array<http::Field, 3>& own) const;
  bool tells_hsts(const std::vector<http::Field>& fields) const;
  void note_access(const http::RequestHead& head);
  void log_access();
  http::Caller* part_with_caller();
  void fail(const EdgeError& error);
  void cancel(CancelReason reason);
  void release_if_over();
  void arm(TimerUse use, std::chrono::milliseconds span);

  Front& front_;
  Traffic& traffic_;
  http::Caller* client_;             // null: the caller's side is over; only part_with_caller() makes it so
  ContainerLink* runner_ = nullptr;  // null: no stream now
  std::uint32_t stream_ = 0;
  std::int64_t arrived_ns_ = 0;
  int status_ = Answers::kNone;
  Method method_ = Method::Other;
  int retries_ = 0;
  int containers_lost_ = 0;
  RequestId id_;
  std::shared_ptr<scheduler::PoolSource> source_;
  std::shared_ptr<scheduler::Pool> pool_;
  std::optional<scheduler::Lease> lease_;
  std::string web_method_;
  std::uint64_t affinity_ = 0;     // to one of a server's containers; 0: none
  std::shared_ptr<Awaited> wait_;  // set while waiting for a slot, or for a dead container's reason
  std::string opening_;            // the Request frame and all of its body, until a container may have begun with it
  std::size_t head_size_ = 0;
  std::uint64_t body_size_ = 0;       // received so far
  std::size_t upload_credit_ = 0;     // bytes that the runner still takes
  std::size_t granted_ = 0;           // of those, bytes that the client's connection may still deliver
  std::int64_t download_credit_ = 0;  // bytes that the runner may still send
  std::size_t owed_credit_ = 0;       // bytes received for which it was given none yet
  std::string hung_up_;  // how the container's server broke off, until it is known whether its container ended
  std::unique_ptr<Trailers> trailers_;
  const FunctionTraffic::Names* const names_;
  std::unique_ptr<Noted> access_;          // null: nothing is kept of it
  std::uint64_t received_ = 0, sent_ = 0;  // bytes of the body, or of messages
  std::unique_ptr<ColdStart> cold_start_;
  std::optional<http::WebSocketHandshake> handshake_;  // of a WebSocket
  std::unique_ptr<WebSocketBridge> socket_;            // once it was accepted
  std::unique_ptr<Redirection> redirection_;           // where slow requests are redirected
  std::unique_ptr<DrainWatch> drain_watch_;            // of a WebSocket, a tunnel or an event stream
  std::unique_ptr<Trails> trails_;
  Tunnel tunnel_ = Tunnel::None;
  TimerUse timer_use_ = TimerUse::None;
  bool body_ended_ = true;
  bool sealed_ = false;     // opening_ begins with a complete Request frame
  bool repeated_ = false;   // in another container, although the first may have died of it
  bool cancelled_ = false;  // the runner was told
  bool waited_ = false;     // for a slot
  bool dispatched_ = false;
  bool released_ = false;
};

}  // namespace bimodal::gateway
