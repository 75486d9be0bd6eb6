// A pool in virtual time: what a rule that scales containers does with a trace of requests. For tests only.
//
// Requests are served first come first served by the most recently used container with a free slot, as Slots does;
// the rule is asked when Slots asks. Deterministic, one thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <queue>
#include <tuple>
#include <vector>

#include "scheduler/autoscale.h"

namespace bimodal::scheduler::simulation {

using Span = Deadline::Clock::duration;

struct Request {
  Span at{};  // since the trace's begin
  Span service{};
};
using Trace = std::vector<Request>;  // ordered by `at`

inline double seconds(Span span) {
  return std::chrono::duration<double>(span).count();
}
inline Span span_of(double seconds) {
  return std::chrono::duration_cast<Span>(std::chrono::duration<double>(seconds));
}

const TimePoint kBegin{std::chrono::hours(1)};

struct Host {
  Span start_time{};
  int slots = 1;  // requests per container
};

// What a rule sees and answers with.
class Scaler {
 public:
  virtual ~Scaler() = default;
  // `demand` is the integral of running and waiting requests over time, in request seconds.
  virtual ScalingDecision decide(const ScalingState& state, double demand, TimePoint now) = 0;
};

struct Outcome {
  double container_seconds = 0;  // from the begin of a start to the stop
  int starts = 0;
  int late = 0;  // requests that found no free slot
  Span longest_wait{};
  double waited = 0;  // seconds, all requests together
};

class Simulation {
 public:
  Simulation(const Trace& trace, Host host, Scaler& scaler) : trace_(trace), host_(host), scaler_(scaler) {}

  // From the first request until every container is gone.
  Outcome run() {
    for (std::size_t next = 0; next < trace_.size() || !events_.empty();) {
      const bool arrives = next < trace_.size();
      if (arrives && (events_.empty() || kBegin + trace_[next].at <= events_.top().at)) {
        advance(kBegin + trace_[next].at);
        arrive(trace_[next++]);
      } else {
        const Event event = events_.top();
        events_.pop();
        if (event.kind == Event::Kind::Check && (event.at != check_at_ || is_over(next))) continue;
        advance(event.at);
        handle(event);
      }
    }
    return outcome_;
  }

 private:
  struct Event {
    enum class Kind { End, Warm, Check } kind;
    TimePoint at;
    int container = 0;
    bool operator>(const Event& other) const {
      return std::tuple(at, kind, container) > std::tuple(other.at, other.kind, other.container);
    }
  };
  struct Box {
    TimePoint begun;
    TimePoint idle_since;
    int running = 0;
    bool warm = false, gone = false;
  };

  bool is_over(std::size_t next) const { return next == trace_.size() && alive_.empty(); }

  void advance(TimePoint now) {
    demand_ += seconds(now - now_) * (running_ + static_cast<int>(waiting_.size()));
    now_ = now;
  }

  void arrive(const Request& request) {
    waiting_.push_back(request);
    if (waiting_.size() == 1) serve();
    if (waiting_.empty()) {
      if (running_ > enough_for_) ask();
      return;
    }
    ++outcome_.late;
    ask();
  }

  void handle(const Event& event) {
    Box& box = boxes_[event.container];
    switch (event.kind) {
      case Event::Kind::End:
        --running_;
        if (--box.running == 0) box.idle_since = now_;
        use(event.container);
        if (waiting_.empty()) return;
        serve();
        if (waiting_.empty() && count_starting() > 1) ask();
        return;
      case Event::Kind::Warm:
        if (box.gone) return;
        box.warm = true;
        box.idle_since = now_;
        use(event.container);
        serve();
        return ask();
      case Event::Kind::Check:
        return ask();
    }
  }

  // The most recently used is in front.
  void use(int container) {
    std::erase(alive_, container);
    alive_.push_front(container);
  }

  void serve() {
    while (!waiting_.empty()) {
      const auto has_room = [&](int i) { return boxes_[i].warm && boxes_[i].running < host_.slots; };
      const auto free = std::find_if(alive_.begin(), alive_.end(), has_room);
      if (free == alive_.end()) return;
      const int chosen = *free;
      const Request request = waiting_.front();
      waiting_.pop_front();
      const Span waited = now_ - (kBegin + request.at);
      outcome_.longest_wait = std::max(outcome_.longest_wait, waited);
      outcome_.waited += seconds(waited);
      ++boxes_[chosen].running;
      ++running_;
      use(chosen);
      events_.push({Event::Kind::End, now_ + request.service, chosen});
    }
  }

  ScalingState state() const {
    ScalingState state;
    state.running = running_;
    state.waiting = static_cast<int>(waiting_.size());
    for (int i : alive_) {
      const Box& box = boxes_[i];
      if (!box.warm) {
        ++state.starting;
      } else if (box.running > 0) {
        ++state.busy;
      } else {
        state.idle_since.push_back(box.idle_since);
      }
    }
    return state;
  }

  void ask() {
    const ScalingDecision decision = scaler_.decide(state(), demand_, now_);
    enough_for_ = decision.enough_for;
    for (int i = 0; i < decision.start; ++i) {
      boxes_.push_back({.begun = now_});
      alive_.push_back(static_cast<int>(boxes_.size()) - 1);
      events_.push({Event::Kind::Warm, now_ + host_.start_time, alive_.back()});
      ++outcome_.starts;
    }
    for (int i = 0; i < decision.stop; ++i) stop_one();
    for (int i = 0; i < decision.abandon; ++i) abandon_one();
    check_at_ = decision.check_again.value_or(TimePoint{});
    if (decision.check_again) events_.push({Event::Kind::Check, *decision.check_again});
  }

  int count_starting() const {
    return static_cast<int>(std::count_if(alive_.begin(), alive_.end(), [&](int i) { return !boxes_[i].warm; }));
  }

  void abandon_one() {
    int youngest = -1;
    for (int i : alive_) {
      if (!boxes_[i].warm) youngest = std::max(youngest, i);
    }
    remove(youngest);
  }

  void remove(int container) {
    boxes_[container].gone = true;
    outcome_.container_seconds += seconds(now_ - boxes_[container].begun);
    std::erase(alive_, container);
  }

  void stop_one() {
    std::optional<int> oldest;
    for (int i : alive_) {
      const bool idle = boxes_[i].warm && boxes_[i].running == 0;
      if (idle && (!oldest || boxes_[i].idle_since < boxes_[*oldest].idle_since)) oldest = i;
    }
    if (oldest) remove(*oldest);
  }

  const Trace& trace_;
  const Host host_;
  Scaler& scaler_;
  Outcome outcome_;
  TimePoint now_ = kBegin;
  TimePoint check_at_{};
  double demand_ = 0;
  int running_ = 0;
  int enough_for_ = 0;
  std::vector<Box> boxes_;
  std::deque<int> alive_;
  std::deque<Request> waiting_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

}  // namespace bimodal::scheduler::simulation
