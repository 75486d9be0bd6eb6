#include "scheduler/autoscale.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bimodal::scheduler {
namespace {

// A pool with busy containers is looked at again after a scale-down window, but never more often than this.
constexpr auto kShortestCheck = std::chrono::milliseconds(50);

int ceiling_of(const model::ScalingPolicy& policy, int default_max) {
  return std::max(1, policy.max_containers > 0 ? policy.max_containers : default_max);
}

int wanted_containers(const ScalingState& state, const model::ScalingPolicy& policy) {
  int demand = state.running + state.waiting;
  int wanted = static_cast<int>(std::ceil(demand / target_inputs(policy)));
  if (demand > 0) wanted += policy.buffer_containers;
  return std::max(wanted, policy.min_containers);
}

int enough_for(int containers, int ceiling, const model::ScalingPolicy& policy) {
  if (containers >= ceiling) return std::numeric_limits<int>::max();
  const double most = std::max(0, containers - policy.buffer_containers) * target_inputs(policy);
  return static_cast<int>(std::min<double>(most, std::numeric_limits<int>::max()));
}

int count_to_stop(const ScalingState& state, TimePoint idle_before, int have, int wanted, int ceiling) {
  auto expired = std::count_if(
      state.idle_since.begin(), state.idle_since.end(), [&](TimePoint since) { return since <= idle_before; });
  int spare = std::min<int>(expired, have - wanted);
  int surplus = std::min<int>(state.idle_since.size(), have - ceiling);
  return std::max({0, spare, surplus});
}

// How many of `wanted` there may be before the demand for them has held for the scale-up window.
int allowed_at_once(const model::ScalingPolicy& policy, int have, int wanted) {
  return std::min(wanted, std::max({have, policy.min_containers, 1}));
}

TimePoint next_expiry(const ScalingState& state, const model::ScalingPolicy& policy, TimePoint now) {
  TimePoint pause = now + std::max<Deadline::Clock::duration>(policy.scaledown_window, kShortestCheck);
  TimePoint next = pause;
  for (TimePoint since : state.idle_since) {
    TimePoint expiry = since + policy.scaledown_window;
    if (expiry > now) next = std::min(next, expiry);
  }
  return next;
}

}  // namespace

double target_inputs(const model::ScalingPolicy& policy) {
  const double most = std::max(1, policy.max_inputs);
  return policy.target_inputs > 0 ? std::clamp(policy.target_inputs, 1.0, most) : most;
}

ScalingDecision autoscale(
    const ScalingState& state, const model::ScalingPolicy& policy, int default_max, TimePoint now) {
  const int ceiling = std::max(0, ceiling_of(policy, default_max) - state.stalled);
  const int warm = state.busy + static_cast<int>(state.idle_since.size());
  const int have = warm + state.starting;
  const int wanted = std::min(wanted_containers(state, policy), ceiling);
  const TimePoint sustained = state.short_since.value_or(now) + policy.scaleup_window;
  const int allowed = now < sustained ? allowed_at_once(policy, have, wanted) : wanted;

  ScalingDecision decision;
  if (have < allowed && now < state.retry_at) {
    decision.check_again = state.retry_at;
  } else if (have < wanted) {
    decision.start = std::max(0, allowed - have);
    if (allowed < wanted) decision.check_again = sustained;
  } else {
    decision.stop = count_to_stop(state, now - policy.scaledown_window, have, wanted, ceiling);
  }
  const int needless = std::max({0, state.starting - 1, state.without_room});
  if (state.waiting == 0) decision.abandon = std::clamp(have - wanted, 0, needless);
  const int after = have + decision.start - decision.stop - decision.abandon;
  decision.capacity = enough_for(after, ceiling, policy);
  decision.enough_for = after < wanted ? std::numeric_limits<int>::max() : decision.capacity;
  if (warm - decision.stop > 0 && have - decision.stop > policy.min_containers) {
    TimePoint expiry = next_expiry(state, policy, now);
    decision.check_again = std::min(decision.check_again.value_or(expiry), expiry);
  }
  return decision;
}

}  // namespace bimodal::scheduler
