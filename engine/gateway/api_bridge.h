// A client of the API who came to the https port: what it sends, decrypted, goes to the API's server over a socketpair,
// and what that answers goes back. Loop-bound.
//
// Each direction holds kBuffer bytes at most: who doesn't read stops the other. Either end may end its side first. A
// client that vanishes is found out by the kernel, within some two minutes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "http/address.h"
#include "http/caller.h"
#include "http/reactor.h"
#include "http/transport.h"

namespace bimodal::gateway {

class ApiBridge final : public http::Connection {
 public:
  static constexpr std::size_t kBuffer = 64 * 1024;

  // It is over: the owner retires it.
  class Owner {
   public:
    virtual void on_bridge_over(ApiBridge& bridge) = 0;

   protected:
    ~Owner() = default;
  };

  // `server` is the other end of what the API's server has, non-blocking. start() comes next.
  ApiBridge(http::Reactor& reactor, http::Transport client, const http::Address& peer, UniqueFd server, Owner& owner);
  ~ApiBridge() override;

  // `received` has been read of the client already.
  void start(std::string_view received = {});

  // At once: RPCs that change something run to their end, and the client asks again for the answer.
  void drain() override { cut(); }
  void pass_on() override { cut(); }
  void cut() override;

 private:
  // What was read at one end and not yet written at the other.
  struct Flow {
    std::string waiting;
    std::size_t taken = 0;  // of its beginning
    bool ended = false;     // nothing more comes
    bool passed = false;    // which the other end knows

    std::size_t size() const { return waiting.size() - taken; }
    bool has_room() const { return !ended && size() < kBuffer; }
    void add(std::string_view bytes);
    void took(std::size_t count);
  };
  struct ServerSide final : http::Poller::Source {
    explicit ServerSide(ApiBridge& bridge) : bridge(bridge) {}
    void on_ready(std::uint32_t events) override { bridge.on_server_ready(events); }
    ApiBridge& bridge;
  };

  void on_ready(std::uint32_t events) override;
  void on_turn_end() override;
  void on_server_ready(std::uint32_t events);
  bool read_client();
  bool write_client();
  bool read_server();
  bool write_server();
  void settle();
  void watch();

  http::Reactor& reactor_;
  Owner& owner_;
  http::Transport client_;
  UniqueFd server_;
  ServerSide server_side_{*this};
  Flow up_, down_;  // to the server, to the client
  std::uint32_t client_interest_ = 0, server_interest_ = 0;
  bool server_hung_up_ = false;  // and isn't watched any more: what it left is read as there is room
  bool over_ = false;
};

}  // namespace bimodal::gateway
