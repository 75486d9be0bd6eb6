// What a container is told when it asks for inputs: to serve, by a seat or request by request, and in the end to go.
//
// A seat is the one long-lived input during which the runner serves the requests of all web methods. A container whose
// client takes web requests by its own path gets each of them as an input. Inputs of plain calls are handed out beside
// both. Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <set>
#include <string>

#include "async/deadline.h"
#include "async/pulse.h"
#include "async/task.h"
#include "model/model.h"
#include "runtime/containers.h"
#include "runtime/web_bridge.h"

namespace bimodal::runtime {

class Orders {
 public:
  Orders(boost::asio::any_io_executor executor, const model::FunctionVersion& version);

  // How web requests are served; until one is called nothing is handed out. `bridge` must outlive this.
  void serve_by_seat();
  void serve_requests(WebBridge& bridge);

  // A seat, a request or plain inputs, then the kill switch; Nothing at the deadline.
  Task<Order> next(Deadline deadline, Batch batch);
  // There may be something new to hand out.
  void wake() { changed_.notify_all(); }
  // An input's output came, with its failure in one line or an empty one. False when there is no such input (any more).
  bool end(const std::string& input_id, const std::string& failure);
  // A plain input for the container, which has room for it.
  void give(PlainInputPtr input);
  // False when it was handed out already.
  bool take_back(const std::string& input_id);
  // A plain input's output came. False when it isn't with the container.
  bool end_plain(const std::string& input_id) { return fetched_.erase(input_id) > 0; }
  // From now on the answer is KillSwitch, also for those who wait.
  void stop();

  bool serves() const { return serves_; }  // the seat was handed out, or none is needed
  bool inputs_are_out() const;             // some have not ended
  bool is_seat(const std::string& input_id) const { return !seat_.empty() && seat_ == input_id; }
  bool stopped() const { return stopped_; }

 private:
  Order make_seat();
  Task<Order> take_inputs(Batch batch);

  const std::string seat_method_;  // any web method stands for all
  bool serves_;
  bool seat_is_free_ = false;
  std::string seat_;                 // input id of the one that is out
  WebBridge* bridge_ = nullptr;      // when requests are handed out one by one
  std::deque<PlainInputPtr> given_;  // as many as the pool has slots
  std::set<std::string> fetched_;    // ids of plain inputs that have not ended
  Pulse changed_;
  bool stopped_ = false;
};

}  // namespace bimodal::runtime
