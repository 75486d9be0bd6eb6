// autoscale() against traces: beside Knative's rule, and beside who knows the future.
//
// The clairvoyant has the same scaledown window. What it knows is when to start, so that nobody waits, how many are
// needed, and whether a container that would leave is needed again: clairvoyant.h.
#include <gtest/gtest.h>

#include <cstdio>

#include "scheduler/clairvoyant.h"
#include "scheduler/simulated_scalers.h"
#include "scheduler/simulated_traces.h"

namespace bimodal::scheduler::simulation {
namespace {

using namespace std::chrono_literals;

struct Comparison {
  std::string trace;
  Host host;
  Outcome ours;       // with the default window
  Outcome ours_soon;  // with a window of 30 s
  Outcome knative;
  double clairvoyant = 0;

  double ratio() const { return ours.container_seconds / clairvoyant; }
  std::string name() const {
    char text[64];
    std::snprintf(text, sizeof text, "%-10s %5.2f s %d", trace.c_str(), seconds(host.start_time), host.slots);
    return text;
  }
};

Outcome ours(const Trace& trace, Host host, std::chrono::seconds window) {
  Autoscaler scaler({.scaledown_window = window, .max_inputs = host.slots});
  return Simulation(trace, host, scaler).run();
}

Comparison compare(const NamedTrace& named, Host host) {
  Knative knative(host.slots);
  return {
      .trace = named.name,
      .host = host,
      .ours = ours(named.trace, host, 60s),
      .ours_soon = ours(named.trace, host, 30s),
      .knative = Simulation(named.trace, host, knative).run(),
      .clairvoyant = clairvoyant_seconds(named.trace, host, 60s)};
}

void print(const Comparison& one) {
  std::printf(
      "%s |%8.0f %5d |%8.0f %5d |%8.0f %5d |%8.0f | %.2f\n", one.name().c_str(), one.ours.container_seconds,
      one.ours.late, one.ours_soon.container_seconds, one.ours_soon.late, one.knative.container_seconds,
      one.knative.late, one.clairvoyant, one.ratio());
}

const std::vector<Comparison>& comparisons() {
  static const std::vector<Comparison> all = [] {
    std::vector<Comparison> out;
    std::printf("container seconds and late requests:\n");
    std::printf("trace, start-up, slots |  window of 60 s|  window of 30 s|         Knative|clairvoyant, ratio\n");
    for (double start : {0.05, 0.2, 1.0, 10.0}) {
      for (int slots : {1, 8}) {
        for (const NamedTrace& trace : all_traces()) {
          out.push_back(compare(trace, {span_of(start), slots}));
          print(out.back());
        }
      }
    }
    return out;
  }();
  return all;
}

struct Total {
  double ours = 0, ours_soon = 0, knative = 0, clairvoyant = 0;
  int late = 0, late_with_knative = 0;
};

Total total_of(double start, int slots) {
  Total sum;
  for (const Comparison& one : comparisons()) {
    if (one.host.slots != slots || one.host.start_time != span_of(start)) continue;
    sum.ours += one.ours.container_seconds;
    sum.ours_soon += one.ours_soon.container_seconds;
    sum.knative += one.knative.container_seconds;
    sum.clairvoyant += one.clairvoyant;
    sum.late += one.ours_soon.late;
    sum.late_with_knative += one.knative.late;
  }
  return sum;
}

TEST(AutoscaleOnTraces, LetsNoRequestWaitLongerThanOneStart) {
  for (const Comparison& one : comparisons()) EXPECT_LE(one.ours.longest_wait, one.host.start_time) << one.name();
}

TEST(AutoscaleOnTraces, TakesAtMostAQuarterMoreThanTheClairvoyantWhenStartsTakeAFifthOfASecond) {
  for (const Comparison& one : comparisons()) {
    if (one.host.start_time <= 200ms) EXPECT_LE(one.ratio(), 1.25) << one.name();
  }
}

// A burst that is over before its first container is warm gets one for each of its requests: nothing but their service
// times, which nobody knows, would say that fewer are enough for "one start at most".
TEST(AutoscaleOnTraces, TakesAQuarterMoreOnTheWholeWithStartsOfASecondAndPaysForBurstsWithLongOnes) {
  for (int slots : {1, 8}) {
    const Total second = total_of(1, slots), ten = total_of(10, slots);
    EXPECT_LE(second.ours, 1.25 * second.clairvoyant) << slots;
    EXPECT_LE(ten.ours, 2 * ten.clairvoyant) << slots;
    std::printf("%d slots: %.2f, %.2f\n", slots, second.ours / second.clairvoyant, ten.ours / ten.clairvoyant);
  }
  for (const Comparison& one : comparisons()) {
    if (one.host.start_time <= 1s) EXPECT_LE(one.ratio(), 1.75) << one.name();
  }
}

TEST(AutoscaleOnTraces, LeavesAFifthAsManyRequestsLateAsKnativeForNoMoreContainerSeconds) {
  for (double start : {0.05, 0.2, 1.0}) {
    for (int slots : {1, 8}) {
      const Total sum = total_of(start, slots);
      EXPECT_LE(sum.ours_soon, sum.knative) << start << " " << slots;
      EXPECT_LE(sum.late, sum.late_with_knative * (start < 1 ? 0.2 : 0.4)) << start << " " << slots;
    }
  }
}

TEST(AutoscaleOnTraces, StartsFewerContainersThanItHasLateRequests) {
  for (const Comparison& one : comparisons()) EXPECT_LE(one.ours.starts, one.ours.late) << one.name();
}

}  // namespace
}  // namespace bimodal::scheduler::simulation
