#include "async/pulse.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace bimodal {

namespace asio = boost::asio;

struct Pulse::Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool woken = false;
};

Pulse::Pulse(asio::any_io_executor executor) : executor_(std::move(executor)) {}

Pulse::~Pulse() {
  notify_all();
}

Task<bool> Pulse::wait(Deadline deadline) {
  auto waiter = std::make_shared<Waiter>(executor_);
  waiter->timer.expires_at(deadline.point());
  waiters_.push_back(waiter);
  boost::system::error_code failure;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, failure));
  // The pulse may be gone when it was woken: touch its list only when it did not wake us.
  if (!waiter->woken) waiters_.remove(waiter);
  co_return waiter->woken;
}

void Pulse::notify_all() {
  std::list<std::shared_ptr<Waiter>> woken;
  woken.swap(waiters_);
  for (auto& waiter : woken) {
    waiter->woken = true;
    waiter->timer.cancel();
  }
}

Task<bool> sleep_until(Deadline deadline) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_at(deadline.point());
  boost::system::error_code failure;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, failure));
  co_return !failure;
}

}  // namespace bimodal
