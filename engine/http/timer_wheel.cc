#include "http/timer_wheel.h"

#include <algorithm>

namespace bimodal::http {

TimerWheel::Timer::~Timer() {
  if (wheel_) wheel_->disarm(*this);
}

TimerWheel::TimerWheel(Deadline::Clock::time_point now) : start_(now) {
  for (Link& slot : slots_) slot.previous = slot.next = &slot;
}

void TimerWheel::arm(Timer& timer, std::chrono::milliseconds span) {
  if (timer.wheel_) disarm(timer);
  timer.wheel_ = this;
  const auto ticks = (std::max(span, std::chrono::milliseconds(0)) + kTick - std::chrono::milliseconds(1)) / kTick;
  timer.tick_ = current_ + 1 + static_cast<std::uint64_t>(ticks);
  Link& slot = slots_[timer.tick_ % kSlots];
  timer.previous = slot.previous;
  timer.next = &slot;
  slot.previous->next = &timer;
  slot.previous = &timer;
  ++armed_;
}

void TimerWheel::disarm(Timer& timer) {
  if (!timer.wheel_) return;
  timer.previous->next = timer.next;
  timer.next->previous = timer.previous;
  timer.wheel_ = nullptr;
  --armed_;
}

void TimerWheel::advance(Deadline::Clock::time_point now) {
  const std::uint64_t target = tick_of(now);
  while (current_ < target) {
    if (armed_ == 0) {
      current_ = target;
      return;
    }
    ++current_;
    fire_slot(slots_[current_ % kSlots]);
  }
}

void TimerWheel::skip(Deadline::Clock::time_point now) {
  const std::uint64_t target = tick_of(now);
  if (armed_ == 0) current_ = std::max(current_, target);
  while (current_ < target && next_slot().next == &next_slot()) ++current_;
}

// Rounded down: whole ticks only.
std::uint64_t TimerWheel::tick_of(Deadline::Clock::time_point now) const {
  return now <= start_ ? 0 : static_cast<std::uint64_t>((now - start_) / kTick);
}

std::size_t TimerWheel::ticks_to_next() const {
  std::size_t ticks = 1;
  for (; ticks < kSlots; ++ticks) {
    const Link& slot = slots_[(current_ + ticks) % kSlots];
    if (slot.next != &slot) break;
  }
  return ticks;
}

// The due ones move to a list of their own first: a callback may arm and disarm any timer, also one of those.
void TimerWheel::fire_slot(Link& slot) {
  Link due;
  due.previous = due.next = &due;
  for (Link* link = slot.next; link != &slot;) {
    auto* timer = static_cast<Timer*>(link);
    link = link->next;
    if (timer->tick_ == current_) move_before(*timer, due);
  }
  while (due.next != &due) {
    auto* timer = static_cast<Timer*>(due.next);
    disarm(*timer);
    timer->on_timeout();
  }
}

void TimerWheel::move_before(Link& link, Link& place) {
  link.previous->next = link.next;
  link.next->previous = link.previous;
  link.previous = place.previous;
  link.next = &place;
  place.previous->next = &link;
  place.previous = &link;
}

}  // namespace bimodal::http
