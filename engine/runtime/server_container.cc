// What a LiveContainer does only for a server (@app.server): it asks for no inputs and sends no heartbeats. It says
// when its @enter is done, listens on its port, and goes at a SIGTERM (protocol §10.8).
#include <algorithm>
#include <csignal>

#include "runtime/live_container.h"

namespace bimodal::runtime {

namespace {

constexpr auto kFirstLook = std::chrono::milliseconds(10);
constexpr auto kLastLook = std::chrono::milliseconds(200);
constexpr auto kConnectTime = std::chrono::seconds(1);
// The client begins to take SIGTERM a moment after it has said that it entered; before, the signal would just end it.
constexpr auto kSettleTime = std::chrono::milliseconds(500);

}  // namespace

void LiveContainer::server_entered() {
  if (!version_->is_server || entered_at_) return;
  entered_at_ = Deadline::Clock::now();
  changed_.notify_all();
}

// Nothing tells from outside when a port begins to be listened on: it is tried, ever more rarely.
Task<void> LiveContainer::await_server() {
  while (!entered_at_) {
    if (!co_await changed_.wait(startup_deadline_)) co_return;
  }
  const std::uint16_t port = version_->web_methods.at(0).server_port;
  for (auto pause = kFirstLook; !startup_deadline_.passed(); pause = std::min(2 * pause, kLastLook)) {
    const Deadline deadline = Deadline::after(kConnectTime).or_earlier(startup_deadline_);
    auto connection = co_await sandbox_->connect(port, deadline);
    if (connection) {
      become_warm();
      co_return;
    }
    if (!co_await sleep_until(Deadline::after(pause).or_earlier(startup_deadline_))) co_return;
  }
}

Task<void> LiveContainer::terminate_server() {
  if (entered_at_) {
    if (!co_await sleep_until(Deadline::at(*entered_at_ + kSettleTime))) co_return;
  }
  // One that failed reports why and ends by itself.
  if (failure_summary_.empty()) sandbox_->signal(SIGTERM);
}

}  // namespace bimodal::runtime
