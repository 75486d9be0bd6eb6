// What is counted of an Exchange, each caller's part of it for itself: one who is sent to come again is two.
#include <utility>

#include "gateway/exchange.h"
#include "gateway/front.h"

namespace bimodal::gateway {

void Exchange::begin_counting(Method method) {
  method_ = method;
  status_ = Answers::kNone;
  arrived_ns_ = front_.reactor().now_ns();
  traffic_.active.add(1);
}

void Exchange::count_slot() {
  traffic_.queue.observe(waited_ ? front_.reactor().now_ns() - arrived_ns_ : 0);
}

// The container's, whose head is written.
void Exchange::count_answer(int status) {
  status_ = status;
  traffic_.first_byte.observe(front_.reactor().now_ns() - arrived_ns_);
}

http::ServerConnection* Exchange::part_with_caller() {
  http::ServerConnection* client = std::exchange(client_, nullptr);
  if (client == nullptr) return nullptr;
  traffic_.answers.count(method_, status_);
  traffic_.active.add(-1);
  if (socket_) {
    traffic_.websockets.add(-1);
  } else if (tunnel_ != Tunnel::Open) {
    traffic_.duration.observe(front_.reactor().now_ns() - arrived_ns_);
  }
  return client;
}

}  // namespace bimodal::gateway
