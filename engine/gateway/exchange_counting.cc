// What is counted of an Exchange, each caller's part of it for itself: one who is sent to come again is two.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "gateway/exchange.h"
#include "gateway/front.h"

namespace bimodal::gateway {

void Exchange::begin_counting(Method method) {
  method_ = method;
  status_ = Answers::kNone;
  arrived_ns_ = front_.reactor().now_ns();
  received_ = sent_ = 0;
  traffic_.active.add(1);
}

void Exchange::count_received(std::size_t bytes) {
  traffic_.received_bytes.add(bytes);
  received_ += bytes;
}

void Exchange::count_sent(std::size_t bytes) {
  traffic_.sent_bytes.add(bytes);
  sent_ += bytes;
}

void Exchange::count_slot() {
  if (!waited_) return traffic_.queue.observe(0);
  const std::int64_t now = front_.reactor().now_ns();
  traffic_.queue.observe(now - arrived_ns_);
  if (lease_->container().start_times().warm <= arrived_ns_) return;
  cold_start_ = std::make_unique<ColdStart>();
  cold_start_->slot_ns = now;
}

// Its first answer is about to be written. A request that came while the container was starting already waited for less
// than the phases say, and not at all for the decision to start it.
void Exchange::count_cold_start() {
  if (std::exchange(cold_start_->counted, true) || !lease_) return;
  const scheduler::StartTimes& times = lease_->container().start_times();
  const std::int64_t queue = std::max<std::int64_t>(0, times.asked - arrived_ns_);
  const std::int64_t first = front_.reactor().now_ns() - cold_start_->slot_ns;
  traffic_.cold_queue.observe(queue);
  traffic_.cold_first.observe(first);
  if (!front_.shared().limits.cold_start_header) return;
  auto ms = [](std::int64_t span_ns) { return static_cast<double>(span_ns) / 1e6; };
  cold_start_->told =
      fmt::format("queue={:.1f};{};first={:.1f}", ms(queue), scheduler::phases_of(times).text(), ms(first));
  lease_->shared_container()->note_cold_start(cold_start_->told);
}

// The container's, whose head is written.
void Exchange::count_answer(int status) {
  status_ = status;
  traffic_.first_byte.observe(front_.reactor().now_ns() - arrived_ns_);
}

http::Caller* Exchange::part_with_caller() {
  http::Caller* client = std::exchange(client_, nullptr);
  if (client == nullptr) return nullptr;
  traffic_.answers.count(method_, status_);
  traffic_.active.add(-1);
  if (socket_) {
    traffic_.websockets.add(-1);
  } else if (tunnel_ != Tunnel::Open) {
    traffic_.duration.observe(front_.reactor().now_ns() - arrived_ns_);
  }
  if (access_) log_access();
  return client;
}

}  // namespace bimodal::gateway
