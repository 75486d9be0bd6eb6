// What a trace costs at least, for who knows it beforehand. For tests only.
//
// No request waits: each container's start is begun one start-up time before it is needed. Requests may move between
// containers while they run, so that there are never more than running requests need: no real rule can do that.
#pragma once

#include <map>

#include "scheduler/simulation.h"

namespace bimodal::scheduler::simulation {

// When the n-th container is needed: from, to.
using Needs = std::vector<std::vector<std::pair<Span, Span>>>;

inline Needs needs_of(const Trace& trace, int slots) {
  std::map<Span, int> changes;
  for (const Request& request : trace) {
    ++changes[request.at];
    --changes[request.at + request.service];
  }
  Needs needs;
  int running = 0;
  std::size_t containers = 0;
  for (const auto& [at, change] : changes) {
    running += change;
    const auto wanted = static_cast<std::size_t>((running + slots - 1) / slots);
    while (needs.size() < wanted) needs.emplace_back();
    for (; containers < wanted; ++containers) needs[containers].emplace_back(at, at);
    for (; containers > wanted; --containers) needs[containers - 1].back().second = at;
  }
  return needs;
}

// Container seconds when a container stays for `window` after its last request, and whether it is needed again is
// known: a gap between two needs costs what it lasts, or a window and a start-up, whichever is less.
inline double clairvoyant_seconds(const Trace& trace, Host host, Span window) {
  double sum = 0;
  for (const auto& container : needs_of(trace, host.slots)) {
    std::optional<Span> last;
    for (const auto& [from, to] : container) {
      const Span stopped = host.start_time + window;
      sum += seconds(to - from) + seconds(last ? std::min(from - *last, stopped) : host.start_time);
      last = to;
    }
    sum += seconds(window);
  }
  return sum;
}

}  // namespace bimodal::scheduler::simulation
