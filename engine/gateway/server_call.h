// One request on its way to a server inside a container, on a connection of its own. Loop-bound.
//
// The server is the user's code and not trusted: a response that breaks HTTP ends the request with the reason. At most
// the granted credit of its body is read, and at most kMaxHead bytes of head are kept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "gateway/container_link.h"
#include "gateway/origin_request.h"
#include "http/chunk_decoder.h"
#include "http/origin_head.h"
#include "http/poller.h"
#include "http/send_queue.h"

namespace bimodal::gateway {

class ServerLink;

class ServerCall final : public http::Poller::Source {
 public:
  static constexpr std::size_t kMaxHead = 64 * 1024;

  ServerCall(ServerLink& link, std::uint32_t number, ContainerLink::Stream& stream, std::string frames);
  ~ServerCall() override;

  void start();
  void send_body(std::string_view bytes, http::Part part);
  void add_credit(std::uint32_t bytes);
  // The stream hears on_done() at the end of the turn.
  void cancel();
  void abandon();
  void lose(Loss loss);
  void on_connected(Result<UniqueFd> socket);

  std::uint32_t number() const { return number_; }
  bool may_be_begun() const { return socket_ || tried_again_; }
  // No byte of its response has come.
  bool waits() const { return !answered_; }
  // What holds this call while a connection is made for it, and null when it is over.
  std::shared_ptr<ServerCall*> waiting() const { return waiting_; }

 private:
  enum class Body { None, Length, Chunked, UntilClose };

  void on_ready(std::uint32_t events) override;
  void on_turn_end() override;

  void begin(UniqueFd socket);
  void read();
  void on_end_of_input();
  void take_in(std::string_view bytes);
  void take_switch();
  void take_final_head();
  void choose_body(const http::OriginHead& head);
  void pass_head(const http::OriginHead& head, http::Part part);
  void take_body(std::string_view bytes);
  void take_chunks(std::string_view bytes);
  void pass_trailers();
  void pass_body(std::string_view bytes, http::Part part);
  void flush();
  void update_interest();
  void try_again();
  void hang_up();
  void fail(std::string_view reason);
  void finish(bool complete);

  ServerLink& link_;
  const std::uint32_t number_;
  ContainerLink::Stream* stream_;  // null: it hears nothing more
  std::shared_ptr<ServerCall*> waiting_;
  std::string frames_;  // the request until it is written; until it is answered when it may be sent again
  UniqueFd socket_;
  std::optional<http::SendQueue> out_;  // never empty
  OriginRequest request_;
  std::string head_;         // received of the response's head
  std::size_t head_at_ = 0;  // of it, what is done with: heads of 100 and 103
  std::size_t head_resume_ = 0;
  http::OriginHead parsed_;
  http::ChunkDecoder chunks_;
  Body body_ = Body::None;
  std::uint64_t body_left_ = 0;
  std::int64_t credit_ = wire::kInitialCredit;  // bytes of body that may still be read
  std::size_t owed_ = 0;                        // bytes of the request's body for which no credit was given back
  std::uint32_t interest_ = 0;
  bool tried_again_ = false;
  bool reused_ = false;    // its first connection had served another request before
  bool switched_ = false;  // to another protocol
  bool answered_ = false;  // a byte of the response has come
  bool head_passed_ = false;
  bool may_be_kept_ = false;
  bool cancelled_ = false;
  bool over_ = false;
};

}  // namespace bimodal::gateway
