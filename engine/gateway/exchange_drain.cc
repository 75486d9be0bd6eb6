// What an Exchange does for WebSockets and event streams (text/event-stream) when a deploy, a rollback or a stop has
// taken their container's version away: they go on for GatewayLimits::stream_drain, and then end in a way that has
// their callers come again. Whatever else runs has its function's timeout.
#include <algorithm>

#include "gateway/exchange.h"
#include "gateway/front.h"

namespace bimodal::gateway {
namespace {

using std::chrono::milliseconds;

// How often is looked: so much later than it should a stream ends at most.
milliseconds interval(milliseconds drain) {
  return std::clamp(drain / 8, milliseconds(50), milliseconds(5000));
}

}  // namespace

void Exchange::watch_for_drain() {
  if (drain_watch_) return;
  drain_watch_ = std::make_unique<DrainWatch>(*this);
  front_.reactor().arm(*drain_watch_, interval(front_.shared().limits.stream_drain));
}

void Exchange::check_drain() {
  if (!client_ || released_) return;
  if (drain_watch_->due) return end_for_drain();
  const milliseconds drain = front_.shared().limits.stream_drain;
  drain_watch_->due = is_replaced();
  front_.reactor().arm(*drain_watch_, drain_watch_->due ? drain : interval(drain));
}

void Exchange::end_for_drain() {
  if (socket_) return socket_->end(http::CloseCode::ServiceRestart, "its version is served no longer");
  cancel(CancelReason::Draining);
  finish_response();
}

bool Exchange::is_replaced() const {
  return source_->pool().value_or(nullptr) != pool_;
}

}  // namespace bimodal::gateway
