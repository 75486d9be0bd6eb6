// Lets one coroutine after another through a stretch of code that awaits. Loop-bound; first come, first served is not
// promised.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <utility>

#include "async/pulse.h"
#include "async/task.h"

namespace bimodal::control {

class Turn {
 public:
  explicit Turn(boost::asio::any_io_executor executor) : freed_(std::move(executor)) {}

  // Ends the turn when destroyed.
  class Guard {
   public:
    explicit Guard(Turn& turn) : turn_(&turn) { turn.taken_ = true; }
    Guard(Guard&& other) noexcept : turn_(std::exchange(other.turn_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (turn_ == nullptr) return;
      turn_->taken_ = false;
      turn_->freed_.notify_all();
    }

   private:
    Turn* turn_;
  };

  Task<Guard> take() {
    while (taken_) co_await freed_.wait(Deadline::never());
    co_return Guard(*this);
  }

 private:
  Pulse freed_;
  bool taken_ = false;
};

}  // namespace bimodal::control
