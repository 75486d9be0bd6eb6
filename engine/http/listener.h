// Accepts TCP connections on one loop. Loop-bound.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"
#include "http/address.h"
#include "http/reactor.h"

namespace bimodal::http {

// A listening, non-blocking socket that shares its port with others made by this function (SO_REUSEPORT).
Result<UniqueFd> listen_on(const Address& address);

// Refuses with AlreadyExists when somebody listens at `address`, which SO_REUSEPORT alone wouldn't notice.
Result<void> check_free(const Address& address);

// The address that a socket is bound to.
Result<Address> bound_address(int fd);

class Listener final : public Poller::Source, private TimerWheel::Timer {
 public:
  using OnAccept = std::function<void(UniqueFd socket, const Address& peer)>;
  // Whether one more connection may be taken; asked before each.
  using MayAccept = std::function<bool()>;

  Listener(Reactor& reactor, UniqueFd socket, MayAccept may_accept, OnAccept on_accept);
  ~Listener() override;

 private:
  void on_ready(std::uint32_t events) override;
  void on_timeout() override;
  void pause();

  Reactor& reactor_;
  UniqueFd socket_;
  MayAccept may_accept_;
  OnAccept on_accept_;
};

}  // namespace bimodal::http
