// A connection of a load balancer that has yet to say who is behind it: reads the PROXY header and not a byte more,
// then gives the connection on. Loop-bound.
#pragma once

#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "http/address.h"
#include "http/poller.h"
#include "http/reactor.h"

namespace bimodal::http {

class ProxyGate final : public Poller::Source, private TimerWheel::Timer {
 public:
  // `socket` is without a value when the connection was refused; `caller` is then why. Called once, not from start();
  // the gate is to be retired then.
  struct Passed {
    UniqueFd socket;
    Address caller;
    std::string refusal;
  };
  using Done = std::function<void(ProxyGate&, Passed)>;

  // A header that isn't there within `patience` is refused, as is one that breaks off or is malformed.
  ProxyGate(Reactor& reactor, UniqueFd socket, const Address& peer, std::chrono::milliseconds patience, Done done);
  ~ProxyGate() override;

 private:
  void on_ready(std::uint32_t events) override;
  void on_timeout() override;
  void refuse(std::string why);
  void pass(Passed passed);

  Reactor& reactor_;
  UniqueFd socket_;
  const Address peer_;
  const Done done_;
  std::string received_;
  bool watched_ = true;
};

}  // namespace bimodal::http
