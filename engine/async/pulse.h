// Wakes coroutines that wait for "something changed". Loop-bound.
//
// Always check the condition before and after wait(): a pulse carries no state and is not remembered.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <list>
#include <memory>

#include "async/deadline.h"
#include "async/task.h"

namespace bimodal {

class Pulse {
 public:
  explicit Pulse(boost::asio::any_io_executor executor);
  ~Pulse();  // wakes every waiter

  // True when woken by notify_all(), false when `deadline` passed. Throws nothing; a cancelled coroutine
  // returns false at once.
  Task<bool> wait(Deadline deadline);
  void notify_all();

 private:
  struct Waiter;
  boost::asio::any_io_executor executor_;
  std::list<std::shared_ptr<Waiter>> waiters_;
};

// Sleeps until `deadline`. False when the coroutine was cancelled before.
Task<bool> sleep_until(Deadline deadline);

}  // namespace bimodal
