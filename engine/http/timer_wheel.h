// Many coarse deadlines at a constant price: arming and disarming touch a few pointers and allocate nothing.
// Loop-bound. A timer fires at most two ticks (kTick) late, and early only by as long as its loop was held up.
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

  // Something that is told when its time has come. Disarms itself when destroyed.
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

  // Fires `timer` once `span` has passed, counted from the end of the running tick; no clock is read, because every
  // request arms and disarms. Moves the timer when it is armed already.
  void arm(Timer& timer, std::chrono::milliseconds span);
  void disarm(Timer& timer);

  // Moves on to `now` and calls on_timeout() of every timer whose time has come; each is disarmed first.
  void advance(Deadline::Clock::time_point now);

  // Moves on to `now`, but not beyond the first timer: calls nobody.
  void skip(Deadline::Clock::time_point now);

  bool empty() const { return armed_ == 0; }
  // Ticks until one may fire, at least 1; only where some are armed.
  std::size_t ticks_to_next() const;

 private:
  static constexpr std::size_t kSlots = 512;

  std::uint64_t tick_of(Deadline::Clock::time_point now) const;
  const Link& next_slot() const { return slots_[(current_ + 1) % kSlots]; }
  void fire_slot(Link& slot);
  static void move_before(Link& link, Link& place);

  Deadline::Clock::time_point start_;
  std::uint64_t current_ = 0;  // every tick up to this one has fired
  std::size_t armed_ = 0;
  std::array<Link, kSlots> slots_;
};

}  // namespace bimodal::http
