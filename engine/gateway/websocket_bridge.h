// An accepted WebSocket between its caller and its stream to a container: messages both ways under credit, and the end
// of either side told to the other. Loop-bound; part of an Exchange, which tells it what happens and owns the slot.
//
// Memory: at most kReadAhead bytes of the caller's while the application doesn't take them, and wire::kInitialCredit
// of messages to a caller who doesn't read. A caller is pinged now and then, and cut off when nothing came from one
// ping to the next.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/runner_connection.h"
#include "gateway/traffic.h"
#include "http/caller.h"
#include "http/service.h"
#include "http/websocket_session.h"

namespace bimodal::gateway {

class WebSocketBridge final : private http::WebSocketSession::Sink, private http::TimerWheel::Timer {
 public:
  static constexpr std::size_t kReadAhead = 64 * 1024;
  static constexpr std::chrono::seconds kClosePatience{5};  // for a caller to answer our Close

  class Owner {
   public:
    // The caller's side is over and its connection not to be touched any more. Comes once; the bridge still stands on
    // the call stack and must not be destroyed before the end of the turn.
    virtual void on_caller_over() = 0;

   protected:
    ~Owner() = default;
  };

  struct Settings {
    std::optional<http::DeflateTerms> deflate;
    std::size_t max_message_bytes;
    std::chrono::milliseconds ping_interval;
    Traffic& traffic;
  };

  // `client` has switched protocols, `stream` of `runner` has accepted.
  WebSocketBridge(
      http::Reactor& reactor, http::DeflatePool& pool, http::Caller& client, RunnerConnection& runner,
      std::uint32_t stream, const Settings& settings, Owner& owner);
  ~WebSocketBridge();

  // Begins to read.
  void start();

  // From the caller's connection.
  void on_bytes(std::string_view bytes);
  void on_sent();
  void on_gone();

  // From the container's stream. False when it sent more than its credit allows.
  bool send(http::MessageKind kind, std::string_view bytes, http::Part part);
  void close(std::uint16_t code, std::string_view reason);
  void on_credit(std::uint32_t bytes);
  void on_uncongested() { go_on(); }
  // The gateway's own word: closes with that code, unless it is closing already.
  void end(http::CloseCode code, std::string_view reason) { close(static_cast<std::uint16_t>(code), reason); }
  // The same without waiting for an answer: the caller's connection is closed.
  void end_at_once(http::CloseCode code, std::string_view reason);
  void forget_runner() { runner_ = nullptr; }

 private:
  enum class TimerUse { Ping, Close };

  // http::WebSocketSession::Sink
  void on_output(std::string_view header, std::string_view payload) override;
  std::size_t room() override;
  void on_message(http::MessageKind kind, std::string_view piece, http::Part part) override;
  void on_end(std::uint16_t code, std::string_view reason) override;

  void on_timeout() override;
  void check_alive();
  void go_on();
  void return_credit();
  void tell_runner(std::uint16_t code, std::string_view reason);
  http::Caller* leave();

  http::Reactor& reactor_;
  http::Caller* client_;      // null: the caller's side is over
  RunnerConnection* runner_;  // null: nothing more goes to the container
  const std::uint32_t stream_;
  const std::chrono::milliseconds ping_interval_;
  Traffic& traffic_;
  Owner& owner_;
  http::WebSocketSession session_;
  std::size_t granted_ = 0;                              // bytes that the client's connection may still deliver
  std::uint64_t upload_credit_ = wire::kInitialCredit;   // for the runner to take
  std::int64_t download_credit_ = wire::kInitialCredit;  // for the runner to send
  std::size_t owed_credit_ = 0;                          // received from it, not given back
  TimerUse timer_use_ = TimerUse::Ping;
  bool heard_ = true;  // from the caller since the last ping
  bool told_ = false;  // the runner, that the caller is gone
};

}  // namespace bimodal::gateway
