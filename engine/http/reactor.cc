#include "http/reactor.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace bimodal::http {

struct Reactor::Ticker {
  explicit Ticker(boost::asio::io_context& context) : timer(context) {}
  boost::asio::steady_timer timer;
  bool running = false;
};

Reactor::Reactor(Loop& loop)
    : loop_(loop), wheel_(Deadline::Clock::now()), poller_(loop), ticker_(std::make_unique<Ticker>(loop.context())) {}

Reactor::~Reactor() = default;

void Reactor::arm(TimerWheel::Timer& timer, std::chrono::milliseconds span) {
  // A wheel that stood still is brought up to date first, or the new timer would come early by as long as it stood.
  if (!ticker_->running) wheel_.advance(Deadline::Clock::now());
  wheel_.arm(timer, span);
  if (!ticker_->running) tick();
}

void Reactor::tick() {
  ticker_->running = !wheel_.empty();
  if (!ticker_->running) return;
  ticker_->timer.expires_after(TimerWheel::kTick);
  ticker_->timer.async_wait([this, alive = std::weak_ptr<Ticker>(ticker_)](boost::system::error_code) {
    if (alive.expired()) return;  // the reactor went while this was queued
    wheel_.advance(Deadline::Clock::now());
    tick();
  });
}

}  // namespace bimodal::http
