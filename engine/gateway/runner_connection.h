// One loop's connection to one container's runner, with many requests as streams on it. Loop-bound.
//
// What streams send during a turn leaves in one write at its end. The runner is the user's code and not trusted: a
// frame that breaks the protocol or a body beyond its credit ends the connection, and with it every stream on it.
// When the runner closes its end, its tally says which streams it had not begun.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "gateway/container_link.h"
#include "gateway/frame_reader.h"
#include "gateway/tally.h"
#include "http/reactor.h"
#include "http/send_queue.h"
#include "http/websocket_session.h"

namespace bimodal::gateway {

class RunnerConnection final : public ContainerLink, public http::Poller::Source, private FrameReader::Sink {
 public:
  // Body that waits to be written before congested() asks the streams to stop.
  static constexpr std::size_t kCongested = 1 << 20;
  // What may wait to be written at all: what the streams that are open may have sent, and the rest of ended ones. Only
  // a runner that goes on to answer without reading comes to more, and is cut off.
  static constexpr std::size_t kMaxBacklog = 2 * kCongested;
  static constexpr std::size_t kMaxBacklogPerStream = wire::kInitialCredit + wire::kMaxPayload;
  // Then a new connection must be made, because stream numbers are never used again.
  static constexpr std::uint32_t kLastStream = 0xfffffff0;

  class Owner {
   public:
    // The connection is closed and will be destroyed at the end of the turn.
    virtual void on_runner_closed(RunnerConnection& connection) = 0;

   protected:
    ~Owner() = default;
  };

  // Connects to the Unix socket `path` of container `task_id`. Unavailable when nobody listens there any more, another
  // code when the attempt may be worth repeating.
  static Result<std::unique_ptr<RunnerConnection>> connect(
      http::Reactor& reactor, const std::string& path, std::string task_id, Owner& owner);
  ~RunnerConnection() override;

  // ContainerLink
  std::uint32_t open(Stream& stream, std::string& frames) override;
  bool may_be_begun(std::uint32_t stream) const override;
  void send_body(std::uint32_t stream, std::string_view bytes, http::Part part) override;
  void send_credit(std::uint32_t stream, std::uint32_t bytes) override;
  void send_cancel(std::uint32_t stream, CancelReason reason) override;
  void abandon(std::uint32_t stream) override { streams_.erase(stream); }
  bool congested() const override { return out_.size() > kCongested; }
  // Writes what the socket takes, first.
  void close() override;

  // A piece of a WebSocket's message.
  void send_message(std::uint32_t stream, http::MessageKind kind, std::string_view bytes, http::Part part);
  void send_close(std::uint32_t stream, std::uint16_t code, std::string_view reason);

  const std::string& task_id() const { return task_id_; }
  bool usable() const { return !closed_ && !broken_ && next_stream_ < kLastStream; }
  std::size_t streams() const { return streams_.size(); }

 private:
  struct Entry {
    Stream* stream = nullptr;
    std::uint64_t opened_at = 0;  // position of its first frame in everything ever sent
  };

  enum class EndedBy { Runner, Gateway };

  RunnerConnection(http::Reactor& reactor, UniqueFd socket, Tally tally, std::string task_id, Owner& owner);

  void on_ready(std::uint32_t events) override;
  void on_turn_end() override;
  bool on_frame(const wire::FrameHeader& header, std::string_view payload) override;
  bool on_connection_frame(const wire::FrameHeader& header);
  bool on_stream_frame(Stream& stream, const wire::FrameHeader& header, std::string_view payload);
  bool on_response(Stream& stream, const wire::FrameHeader& header, std::string_view payload);

  void send_bytes(wire::FrameType type, std::uint32_t stream, std::string_view bytes, http::Part part);
  void read();
  void note_sent(http::SendQueue::Outcome outcome);
  void relieve();
  void read_last_words();
  void lose(std::string_view why, EndedBy by);
  std::uint64_t position() const { return wire::kHeaderSize + out_.total_sent(); }
  std::uint64_t handled() const;

  http::Reactor& reactor_;
  UniqueFd socket_;
  Tally tally_;
  std::string task_id_;
  Owner& owner_;
  http::SendQueue out_;
  FrameReader reader_;
  boost::unordered_flat_map<std::uint32_t, Entry> streams_;
  wire::ResponseHead response_;  // kept for its memory
  wire::Headers trailers_;
  wire::AcceptHead accept_;
  std::uint32_t next_stream_ = 1;
  bool greeted_ = false;
  bool keeps_tally_ = false;
  bool was_congested_ = false;
  bool blocked_ = false;
  bool broken_ = false;
  bool closed_ = false;
};

}  // namespace bimodal::gateway
