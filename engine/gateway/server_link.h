// One loop's way to an HTTP/1.1 server that listens inside a container (@modal.web_server). Loop-bound.
//
// A request has a connection to itself, made inside the container's network (scheduler::Container::connect). One whose
// response is complete may serve another request: idempotent ones without body only, because the server may be closing
// it at that moment. No connection is kept idle beside a request that waits for its response, nor beside a new
// connection: a server that takes one connection at a time would never come to them. At most kMaxIdle are kept, for
// kIdleTime.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "base/unique_fd.h"
#include "gateway/container_link.h"
#include "http/reactor.h"
#include "scheduler/launcher.h"

namespace bimodal::gateway {

class ServerCall;

class ServerLink final : public ContainerLink, public http::Poller::Retirable, private http::TimerWheel::Timer {
 public:
  static constexpr std::size_t kMaxIdle = 32;
  static constexpr std::chrono::seconds kIdleTime{15};
  static constexpr std::chrono::seconds kConnectTime{10};

  class Owner {
   public:
    // Nobody listens on the port of a container that had been warm.
    virtual void on_server_gone(ServerLink& link) = 0;
    // Nothing runs on the link and nothing is kept: it may be destroyed at the end of the turn.
    virtual void on_link_idle(ServerLink& link) = 0;

   protected:
    ~Owner() = default;
  };

  ServerLink(
      http::Reactor& reactor, Scope& scope, std::shared_ptr<scheduler::Container> container, std::uint16_t port,
      Owner& owner);
  ~ServerLink() override;

  // ContainerLink
  std::uint32_t open(Stream& stream, std::string& frames) override;
  bool may_be_begun(std::uint32_t stream) const override;
  void send_body(std::uint32_t stream, std::string_view bytes, http::Part part) override;
  void send_credit(std::uint32_t stream, std::uint32_t bytes) override;
  void send_cancel(std::uint32_t stream, CancelReason reason) override;
  void abandon(std::uint32_t stream) override;
  bool congested() const override { return false; }  // each request has a socket of its own
  void close() override;

  const std::string& task_id() const { return container_->task_id(); }
  std::uint16_t port() const { return port_; }

  // --- for its calls ---

  http::Reactor& reactor() { return reactor_; }
  // An idle connection, or none.
  UniqueFd take_idle();
  // Has a connection made; the call hears on_connected() unless it is over by then.
  void connect(ServerCall& call);
  // The call is over and destroyed at the end of the turn. `socket` may serve another one.
  void end(ServerCall& call, UniqueFd socket);
  void note_server_gone() { owner_.on_server_gone(*this); }

 private:
  class Idle;

  void on_timeout() override;
  void keep(UniqueFd socket);
  void drop_idle();
  void drop(Idle& idle);
  bool somebody_waits() const;
  void release_if_idle();

  http::Reactor& reactor_;
  Scope& scope_;
  std::shared_ptr<scheduler::Container> container_;
  const std::uint16_t port_;
  Owner& owner_;
  boost::unordered_flat_map<std::uint32_t, std::unique_ptr<ServerCall>> calls_;
  std::vector<std::unique_ptr<Idle>> idle_;
  std::uint32_t next_stream_ = 1;
  bool released_ = false;
};

}  // namespace bimodal::gateway
