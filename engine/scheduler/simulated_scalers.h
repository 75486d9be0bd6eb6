// The rules that the simulation compares: ours, and another platform's. For tests only.
#pragma once

#include <cmath>
#include <deque>
#include <limits>
#include <utility>

#include "scheduler/simulation.h"

namespace bimodal::scheduler::simulation {

// autoscale() as the daemon calls it.
class Autoscaler : public Scaler {
 public:
  explicit Autoscaler(model::ScalingPolicy policy) : policy_(policy) {}
  ScalingDecision decide(const ScalingState& state, double demand, TimePoint now) override {
    return autoscale(state, policy_, kMost, now);
  }

 private:
  static constexpr int kMost = 10'000;
  const model::ScalingPolicy policy_;
};

// Knative's pod autoscaler by its public description, with its defaults: every 2 s, the average concurrency of 60 s
// (of 6 s in a panic, which begins at 200 % of what the ready containers are meant for and lasts 60 s) over 70 % of
// the slots. It gets our exact queue and counters, and starts its first container at once. Never fewer than half the
// containers after one tick; the last goes as soon as the average is 0, which its grace period may delay by 30 s.
class Knative : public Scaler {
 public:
  explicit Knative(int slots) : target_(slots * 0.7) {}

  ScalingDecision decide(const ScalingState& state, double demand, TimePoint now) override {
    const int ready = state.busy + static_cast<int>(state.idle_since.size());
    const int have = ready + state.starting;
    ScalingDecision decision;
    decision.enough_for = std::numeric_limits<int>::max();  // only time makes it decide
    if (have == 0) begin(demand, now);
    if (have == 0 && state.waiting > 0) decision.start = 1;
    if (now >= next_tick_) {
      const int wanted = wanted_at(ready, demand, now);
      decision.start = std::max(decision.start, wanted - have);
      // Of the idle only: what would have to drain first goes at a later tick.
      if (wanted < have) decision.stop = std::min<int>(state.idle_since.size(), have - wanted);
      next_tick_ = now + kTick;
    }
    if (have + decision.start > decision.stop) decision.check_again = next_tick_;
    return decision;
  }

 private:
  static constexpr Span kTick = std::chrono::seconds(2);
  static constexpr Span kStable = std::chrono::seconds(60);
  static constexpr Span kPanic = std::chrono::seconds(6);

  void begin(double demand, TimePoint now) {
    samples_.clear();
    samples_.emplace_back(now, demand);
    next_tick_ = now + kTick;
    panic_until_ = {};
  }

  double average(Span window, TimePoint now, double demand) const {
    const auto after = [&](const auto& sample) { return sample.first >= now - window; };
    const auto& first = *std::find_if(samples_.begin(), samples_.end(), after);
    const double over = seconds(now - first.first);
    return over > 0 ? (demand - first.second) / over : 0;
  }

  int containers_for(double concurrency, int ready) const {
    const int least = ready / 2;
    return std::clamp(static_cast<int>(std::ceil(concurrency / target_ - 1e-9)), least, 1000 * ready);
  }

  int wanted_at(int ready, double demand, TimePoint now) {
    samples_.emplace_back(now, demand);
    while (samples_.front().first < now - kStable) samples_.pop_front();
    const int base = std::max(1, ready);
    const int stable = containers_for(average(kStable, now, demand), base);
    const int panic = containers_for(average(kPanic, now, demand), base);
    if (panic >= 2 * base) {
      if (now >= panic_until_) most_in_panic_ = 0;
      panic_until_ = now + kStable;
    }
    if (now < panic_until_) return most_in_panic_ = std::max({most_in_panic_, stable, panic});
    return stable;
  }

  const double target_;
  std::deque<std::pair<TimePoint, double>> samples_;
  TimePoint next_tick_{};
  TimePoint panic_until_{};
  int most_in_panic_ = 0;
};

}  // namespace bimodal::scheduler::simulation
