// Many coarse deadlines at a constant price: arming and disarming touch a few pointers and allocate nothing.
// Loop-bound. Deadlines are kept to within one tick (kTick), never early.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "async/deadline.h"

namespace bimodal::http {

class TimerWheel {
  struct Link {
    Link* previous = nullptr;
    Link* next = nullptr;
  };

 public:
  static constexpr std::chrono::milliseconds kTick{50};

  // Something that is told when its deadline passed. Disarms itself when destroyed.
  class Timer : private Link {
   public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    virtual void on_timeout() = 0;

   protected:
    ~Timer();

   private:
    friend class TimerWheel;
    TimerWheel* wheel_ = nullptr;  // null: not armed
    std::uint64_t tick_ = 0;
  };

  explicit TimerWheel(Deadline::Clock::time_point now);

  // Moves the timer when it is armed already. Deadline::never() disarms.
  void arm(Timer& timer, Deadline deadline);
  void disarm(Timer& timer);

  // Calls on_timeout() of every timer whose deadline is at or before `now`; each is disarmed first.
  void advance(Deadline::Clock::time_point now);

  bool empty() const { return armed_ == 0; }

 private:
  static constexpr std::size_t kSlots = 512;

  std::uint64_t tick_of(Deadline::Clock::time_point point) const;
  void fire_slot(Link& slot);
  static void move_before(Link& link, Link& place);

  Deadline::Clock::time_point start_;
  std::uint64_t current_ = 0;  // every tick up to this one has fired
  std::size_t armed_ = 0;
  std::array<Link, kSlots> slots_;
};

}  // namespace bimodal::http
