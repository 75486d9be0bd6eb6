// What an Exchange does for WebSockets, tunnels and event streams (text/event-stream) when their container is to leave:
// because of a deploy, a rollback or a stop. They go on for GatewayLimits::stream_drain from then on, and end in a way
// that has their callers come again. Whatever else runs has its function's timeout.
#include <algorithm>

#include "gateway/exchange.h"
#include "gateway/front.h"
#include "http/chars.h"

namespace bimodal::gateway {
namespace {

using std::chrono::milliseconds;

// How often is looked: so much later than it should a stream ends at most, if the drain time is shorter than that.
milliseconds interval(milliseconds drain) {
  return std::clamp(drain / 8, milliseconds(50), milliseconds(5000));
}

}  // namespace

void Exchange::watch_for_drain() {
  if (drain_watch_) return;
  drain_watch_ = std::make_unique<DrainWatch>(*this);
  front_.reactor().arm(*drain_watch_, interval(front_.shared().limits.stream_drain));
}

// Its readers open it again when it ends.
void Exchange::watch_if_event_stream(const std::vector<http::Field>& fields) {
  constexpr std::string_view kType = "text/event-stream";
  const auto says = [&](const http::Field& field) {
    return http::equals_ignoring_case(field.name, "content-type") &&
           http::equals_ignoring_case(field.value.substr(0, kType.size()), kType);
  };
  if (std::ranges::any_of(fields, says)) watch_for_drain();
}

void Exchange::check_drain() {
  if (!client_ || released_) return;
  if (trails_ && trails_->ending) return finish_response();
  const milliseconds drain = front_.shared().limits.stream_drain;
  const auto since = lease_ ? lease_->leaving_since() : std::nullopt;
  if (!since) return front_.reactor().arm(*drain_watch_, interval(drain));
  const auto left = std::chrono::ceil<milliseconds>(*since + drain - Deadline::Clock::now());
  if (left.count() <= 0) return end_for_drain();
  front_.reactor().arm(*drain_watch_, left);
}

void Exchange::end_for_drain() {
  if (socket_) return socket_->end(http::CloseCode::ServiceRestart, kLeft);
  if (tunnel_ == Tunnel::Open) return end_tunnel();
  cancel(CancelReason::Draining);
  finish_response();
}

bool Exchange::is_leaving() const {
  return (drain_watch_ && drain_watch_->left) || (lease_ && lease_->leaving_since());
}

}  // namespace bimodal::gateway
