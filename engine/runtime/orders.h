// What a container is told when it asks for inputs: one seat per web method, then to wait, in the end to go.
//
// A seat is the one long-lived input during which the runner serves requests of a web method. Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <set>
#include <string>
#include <vector>

#include "async/deadline.h"
#include "async/pulse.h"
#include "async/task.h"
#include "model/model.h"
#include "runtime/containers.h"

namespace bimodal::runtime {

class Orders {
 public:
  Orders(boost::asio::any_io_executor executor, const model::FunctionVersion& version);

  // Seats first; then waits for stop(), or answers Nothing at the deadline.
  Task<Order> next(Deadline deadline);
  // A seat's output came. False when there is no such seat (any more).
  bool end_seat(const std::string& input_id);
  // From now on the answer is KillSwitch, also for those who wait.
  void stop();

  bool all_seated() const { return unseated_.empty(); }   // every seat was handed out
  bool seats_are_out() const { return !seats_.empty(); }  // some have not ended
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> unseated_;  // method names, in reverse
  std::set<std::string> seats_;        // input ids
  Pulse changed_;
  bool stopped_ = false;
};

}  // namespace bimodal::runtime
