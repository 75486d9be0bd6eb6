#include "calls/alarms.h"

namespace bimodal::calls {

Alarms::Key Alarms::add(Deadline deadline, std::function<void()> ring) {
  const Key key{deadline.point(), next_id_++};
  auto [entry, fresh] = entries_.emplace(key, std::move(ring));
  if (entry == entries_.begin()) changed_.notify_all();
  return key;
}

Alarms::Alarm Alarms::at(Deadline deadline, std::function<void()> ring) {
  return Alarm(this, add(deadline, std::move(ring)));
}

void Alarms::later(Deadline deadline, std::function<void()> ring) {
  add(deadline, std::move(ring));
}

void Alarms::ring_due() {
  const auto now = Deadline::Clock::now();
  while (!entries_.empty() && entries_.begin()->first.first <= now) {
    auto due = entries_.extract(entries_.begin());
    due.mapped()();
  }
}

Task<void> Alarms::run() {
  while (true) {
    ring_due();
    Deadline next = Deadline::never();
    if (!entries_.empty()) next = Deadline::at(entries_.begin()->first.first);
    const bool changed = co_await changed_.wait(next);
    if (!changed && !next.passed()) co_return;  // cancelled
  }
}

}  // namespace bimodal::calls
