#include "runtime/orders.h"

#include "base/ids.h"

namespace bimodal::runtime {

Orders::Orders(boost::asio::any_io_executor executor, const model::FunctionVersion& version)
    : changed_(std::move(executor)) {
  for (auto method = version.web_methods.rbegin(); method != version.web_methods.rend(); ++method) {
    unseated_.push_back(method->method_name);
  }
}

Task<Order> Orders::next(Deadline deadline) {
  while (!stopped_ && unseated_.empty()) {
    if (!co_await changed_.wait(deadline)) co_return Order{};
  }
  Order order;
  if (stopped_) {
    order.kind = Order::Kind::KillSwitch;
    co_return order;
  }
  order.kind = Order::Kind::Seat;
  order.method_name = std::move(unseated_.back());
  order.input_id = new_id("in");
  order.function_call_id = new_id("fc");
  unseated_.pop_back();
  seats_.insert(order.input_id);
  co_return order;
}

bool Orders::end_seat(const std::string& input_id) {
  return seats_.erase(input_id) > 0;
}

void Orders::stop() {
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace bimodal::runtime
