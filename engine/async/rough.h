// Timers that wake up together: for work that is as good a little earlier or later. On an idle machine what costs is to
// wake up, not what is done then, so that the timers of many containers end at the same instants. Any thread.
#pragma once

#include <algorithm>
#include <chrono>

#include "async/deadline.h"

namespace bimodal {

// In `span`, half a second earlier or later at most: at the nearest whole second. A span below a second ends at the
// nearest multiple of its tenth. Who goes on asking for the same span is woken at equal intervals of that length.
inline Deadline roughly_after(
    Deadline::Clock::duration span, Deadline::Clock::time_point now = Deadline::Clock::now()) {
  using namespace std::chrono_literals;
  const Deadline::Clock::duration grain = span >= 1s ? 1s : std::max<Deadline::Clock::duration>(span / 10, 1ms);
  const auto at = (now + span).time_since_epoch() + grain / 2;
  return Deadline::at(Deadline::Clock::time_point(at - at % grain));
}

}  // namespace bimodal
