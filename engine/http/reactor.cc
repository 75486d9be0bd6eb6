#include "http/reactor.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace bimodal::http {

struct Reactor::Ticker {
  explicit Ticker(boost::asio::io_context& context) : timer(context) {}
  boost::asio::steady_timer timer;
  bool running = false;  // tick by tick; else it sleeps until something is due
  bool armed = false;    // something was, in this tick
  std::uint64_t waits = 0;
};

Reactor::Reactor(Loop& loop)
    : loop_(loop), wheel_(Deadline::Clock::now()), poller_(loop), ticker_(std::make_unique<Ticker>(loop.context())) {}

Reactor::~Reactor() = default;

void Reactor::arm(TimerWheel::Timer& timer, std::chrono::milliseconds span) {
  // A wheel that stood still is brought up to date first, or the new timer would come early by as long as it stood.
  // What is due fires from the loop: whoever arms isn't called from here.
  if (!ticker_->running) wheel_.skip(Deadline::Clock::now());
  wheel_.arm(timer, span);
  ticker_->armed = true;
  if (!ticker_->running) tick();
}

// While connections come and go, no arm() asks for the time. Where nobody does anything, nothing wakes the loop up.
void Reactor::tick() {
  const std::uint64_t wait = ++ticker_->waits;
  ticker_->running = std::exchange(ticker_->armed, false);
  if (wheel_.empty()) ticker_->running = false;
  if (wheel_.empty()) return;
  const auto ticks = ticker_->running ? 1 : wheel_.ticks_to_next();
  ticker_->timer.expires_after(TimerWheel::kTick * static_cast<int>(ticks));
  ticker_->timer.async_wait([this, wait, alive = std::weak_ptr<Ticker>(ticker_)](boost::system::error_code) {
    const auto ticker = alive.lock();
    if (!ticker || ticker->waits != wait) return;  // the reactor went while this was queued, or it waits anew
    wheel_.advance(Deadline::Clock::now());
    tick();
  });
}

}  // namespace bimodal::http
