#include "runtime/orders.h"

#include <utility>

#include "base/ids.h"

namespace bimodal::runtime {

Orders::Orders(boost::asio::any_io_executor executor, const model::FunctionVersion& version)
    : seat_method_(version.web_methods.empty() ? "" : version.web_methods.front().method_name),
      serves_(version.web_methods.empty()),
      changed_(std::move(executor)) {}

void Orders::serve_by_seat() {
  seat_is_free_ = true;
  wake();
}

void Orders::serve_requests(WebBridge& bridge) {
  bridge_ = &bridge;
  serves_ = true;
  wake();
}

Task<Order> Orders::next(Deadline deadline, Batch batch) {
  while (true) {
    // Also when stopped: these requests and inputs were given to this container and to no other.
    if (auto request = bridge_ ? bridge_->take() : nullptr) {
      const wire::RequestHead& head = request->head();
      co_return Order{
          Order::Kind::Request, std::string(head.web_method), request->input_id(), request->call_id(), request};
    }
    if (!given_.empty()) co_return co_await take_inputs(batch);
    if (stopped_) co_return Order{Order::Kind::KillSwitch};
    if (std::exchange(seat_is_free_, false)) co_return make_seat();
    if (!co_await changed_.wait(deadline)) co_return Order{};
  }
}

// The first one waits a little for others where the function takes several at once.
Task<Order> Orders::take_inputs(Batch batch) {
  const Deadline last = Deadline::after(batch.linger);
  while (given_.size() < batch.max_size && batch.max_size > 1 && !stopped_) {
    if (!co_await changed_.wait(last)) break;
  }
  Order order{Order::Kind::Inputs};
  while (!given_.empty() && order.inputs.size() < batch.max_size) {
    PlainInputPtr input = std::move(given_.front());
    given_.pop_front();
    input->is_fetched = true;
    fetched_.insert(input->input_id);
    order.inputs.push_back(std::move(input));
  }
  if (order.inputs.empty()) order.kind = Order::Kind::Nothing;  // taken back meanwhile
  co_return order;
}

void Orders::give(PlainInputPtr input) {
  given_.push_back(std::move(input));
  wake();
}

bool Orders::take_back(const std::string& input_id) {
  return std::erase_if(given_, [&](const PlainInputPtr& input) { return input->input_id == input_id; }) > 0;
}

Order Orders::make_seat() {
  Order order{Order::Kind::Seat, seat_method_, new_id("in"), new_id("fc")};
  seat_ = order.input_id;
  serves_ = true;
  return order;
}

bool Orders::end(const std::string& input_id, const std::string& failure) {
  if (bridge_) return bridge_->end(input_id, failure);
  if (!is_seat(input_id)) return false;
  seat_.clear();
  return true;
}

bool Orders::inputs_are_out() const {
  if (!given_.empty() || !fetched_.empty()) return true;
  return bridge_ ? !bridge_->is_idle() : !seat_.empty();
}

void Orders::stop() {
  stopped_ = true;
  wake();
}

}  // namespace bimodal::runtime
