// Decides how many containers a pool starts and stops: a pure function of what the pool looks like now.
//
// Started is: one container per `target_inputs` requests that run or wait (containers that are starting count with
// their future slots), `buffer_containers` more while there is any request, never fewer than `min_containers`, never
// more than `max_containers`; with a `scaleup_window`, the first and `min_containers` at once, others when there have
// been too few of them for that long without a break. Given up are starts for which no request waits any more, but for
// the oldest that has room. Stopped is: what has been idle for `scaledown_window`, longest idle first, as long as
// enough is left; idle containers above `max_containers` at once.
#pragma once

#include <optional>
#include <vector>

#include "async/deadline.h"
#include "model/model.h"

namespace bimodal::scheduler {

using TimePoint = Deadline::Clock::time_point;

// A pool without the containers that are on their way out.
struct ScalingState {
  int starting = 0;
  int without_room = 0;               // of these: they wait for room on the host
  int busy = 0;                       // warm containers with requests inside
  std::vector<TimePoint> idle_since;  // one per warm container without requests
  int stalled = 0;                    // warm ones with free slots that answer nothing: neither busy nor idle
  int running = 0;                    // requests inside containers, but for the stalled
  int waiting = 0;
  TimePoint retry_at{};  // back-off after failed starts: nothing starts before
  // Since when, without a break, more requests ran or waited than the last decision's `capacity`.
  std::optional<TimePoint> short_since;
};

struct ScalingDecision {
  int start = 0;
  int stop = 0;     // of the idle ones, longest idle first
  int abandon = 0;  // of the starts, the youngest first
  // With more than this many requests that run or wait the answer would be another one: decide again.
  int enough_for = 0;
  int capacity = 0;  // as many requests as the containers are enough for, those that start counted
  // When time alone may change the answer.
  std::optional<TimePoint> check_again;
};

// `policy.max_containers` 0 means `default_max`.
ScalingDecision autoscale(
    const ScalingState& state, const model::ScalingPolicy& policy, int default_max, TimePoint now);

// Requests per container that the autoscaler steers to: 1..max_inputs. A fraction is for several containers together.
double target_inputs(const model::ScalingPolicy& policy);

}  // namespace bimodal::scheduler
