// A caller between accept(2) and its first byte of HTTP: its TLS handshake. Loop-bound.
//
// Bounded in time: the whole handshake by `head_timeout`, and where a certificate must be got first, by
// `certificate_timeout` besides. One that speaks plain HTTP is told so in plain HTTP.
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "http/address.h"
#include "http/reactor.h"
#include "http/transport.h"
#include "tls/context.h"

namespace bimodal::http {

struct ArrivalLimits {
  std::chrono::milliseconds head_timeout = std::chrono::seconds(30);
  std::chrono::milliseconds certificate_timeout = std::chrono::seconds(30);
};

class Arrival final : public Poller::Source, private TimerWheel::Timer {
 public:
  // Both end the arrival, which the owner destroys by Poller::retire().
  class Owner {
   public:
    // `transport` carries what arrival.handshake() says; its socket is watched by nobody.
    virtual void on_arrived(Arrival& arrival, Transport transport) = 0;
    // `reason` for a log: it went away, took too long, or OpenSSL's words.
    virtual void on_lost(Arrival& arrival, std::string_view reason) = 0;

   protected:
    ~Owner() = default;
  };

  // `context`, `limits` and `owner` outlive it.
  Arrival(
      Reactor& reactor, UniqueFd socket, const Address& peer, const tls::Context& context, const ArrivalLimits& limits,
      Owner& owner);
  ~Arrival() override;

  void start();

  const Address& peer() const { return peer_; }
  const tls::Handshake& handshake() const { return handshake_; }
  bool resumed() const { return resumed_; }

 private:
  // Shared with those who wake it from other threads; empty once it is over.
  struct Alive;

  void on_ready(std::uint32_t events) override;
  void on_timeout() override;
  void step();
  void wait_for(std::uint32_t events);
  void wait_for_certificate();
  void arrive();
  void refuse(std::string_view reason);
  void lose(std::string_view reason);
  void leave();
  void answer_plain_http();

  Reactor& reactor_;
  const ArrivalLimits& limits_;
  Owner& owner_;
  const Address peer_;
  std::shared_ptr<Alive> alive_;  // made when a certificate has to be waited for
  tls::Handshake handshake_;
  UniqueFd socket_;
  tls::Session session_;
  std::uint32_t watched_ = 0;
  bool waits_for_certificate_ = false;
  bool resumed_ = false;
  bool over_ = false;
};

}  // namespace bimodal::http
