#include "scheduler/autoscale.h"

#include <gtest/gtest.h>

#include <limits>

namespace bimodal::scheduler {
namespace {

using namespace std::chrono_literals;

constexpr int kDefaultMax = 100;
const TimePoint kNow{1h};

std::vector<TimePoint> idle_for(std::vector<std::chrono::seconds> spans) {
  std::vector<TimePoint> since;
  for (auto span : spans) since.push_back(kNow - span);
  return since;
}

struct Case {
  const char* claim;
  ScalingState state;
  model::ScalingPolicy policy;
  int start;
  int stop;
  int abandon = 0;
};

const Case kCases[] = {
    {"nothing happens without requests", {}, {}, 0, 0},
    {"the first waiting request starts one", {.waiting = 1}, {}, 1, 0},
    {"a starting container's slots count", {.starting = 1, .waiting = 10}, {.max_inputs = 10}, 0, 0},
    {"ten waiting requests start one container of ten slots", {.waiting = 10}, {.max_inputs = 10}, 1, 0},
    {"eleven start two", {.waiting = 11}, {.max_inputs = 10}, 2, 0},
    {"one slot each starts one per request", {.waiting = 7}, {}, 7, 0},
    {"more running than the target starts one",
     {.busy = 1, .running = 6},
     {.max_inputs = 10, .target_inputs = 5},
     1,
     0},
    {"as many as the target starts none", {.busy = 1, .running = 5}, {.max_inputs = 10, .target_inputs = 5}, 0, 0},
    {"a target above the slots is the slots", {.busy = 1, .running = 2}, {.max_inputs = 2, .target_inputs = 9}, 0, 0},
    {"a target of one and a half is three requests in two containers",
     {.waiting = 3},
     {.max_inputs = 10, .target_inputs = 1.5},
     2,
     0},
    {"min_containers start by themselves", {}, {.min_containers = 2}, 2, 0},
    {"buffer_containers join while there are requests", {.waiting = 1}, {.buffer_containers = 2}, 3, 0},
    {"buffer_containers don't start alone", {}, {.buffer_containers = 2}, 0, 0},
    {"min and buffer are not added up", {.waiting = 1}, {.min_containers = 3, .buffer_containers = 1}, 3, 0},
    {"never above max_containers", {.busy = 2, .running = 2, .waiting = 50}, {.max_containers = 3}, 1, 0},
    {"at the maximum requests queue", {.busy = 3, .running = 3, .waiting = 50}, {.max_containers = 3}, 0, 0},
    {"the default maximum holds", {.waiting = 500}, {}, kDefaultMax, 0},
    {"the maximum is above the minimum", {}, {.min_containers = 5, .max_containers = 2}, 2, 0},
    {"back-off delays a start", {.waiting = 1, .retry_at = kNow + 1s}, {}, 0, 0},
    {"back-off that passed doesn't", {.waiting = 1, .retry_at = kNow}, {}, 1, 0},
    {"an idle container stays for the window", {.idle_since = idle_for({59s})}, {.scaledown_window = 60s}, 0, 0},
    {"and goes after it", {.idle_since = idle_for({60s})}, {.scaledown_window = 60s}, 0, 1},
    {"min_containers stay",
     {.idle_since = idle_for({90s, 80s, 70s})},
     {.min_containers = 2, .scaledown_window = 60s},
     0,
     1},
    {"an idle buffer stays while there are requests",
     {.busy = 1, .idle_since = idle_for({90s, 80s}), .running = 1},
     {.buffer_containers = 1, .scaledown_window = 60s},
     0,
     1},
    {"what running requests need at the target stays",
     {.busy = 1, .idle_since = idle_for({90s}), .running = 6},
     {.scaledown_window = 60s, .max_inputs = 10, .target_inputs = 5},
     0,
     0},
    {"a lowered maximum stops idle containers at once",
     {.idle_since = idle_for({1s, 2s, 3s})},
     {.max_containers = 1, .scaledown_window = 60s},
     0,
     2},
    {"starts that nobody waits for are given up, but for one", {.starting = 5, .busy = 1, .running = 1}, {}, 0, 0, 4},
    {"so many as are too many", {.starting = 5, .busy = 4, .running = 4}, {.min_containers = 7}, 0, 0, 2},
    {"all of them when they wait for room", {.starting = 2, .without_room = 2}, {}, 0, 0, 2},
    {"none while a request waits", {.starting = 5, .busy = 1, .running = 1, .waiting = 1}, {}, 0, 0, 0},
    {"the first doesn't wait for the scale-up window", {.waiting = 9}, {.scaleup_window = 30s}, 1, 0},
    {"nor do min_containers", {.starting = 1, .waiting = 9}, {.min_containers = 3, .scaleup_window = 30s}, 2, 0},
    {"the others do",
     {.busy = 1, .running = 1, .waiting = 9, .short_since = kNow - 29s},
     {.scaleup_window = 30s},
     0,
     0},
    {"and start together when the demand has held for it",
     {.busy = 1, .running = 1, .waiting = 9, .short_since = kNow - 30s},
     {.scaleup_window = 30s},
     9,
     0},
};

TEST(Autoscale, DecidesAsItsTableSays) {
  for (const Case& one : kCases) {
    auto decision = autoscale(one.state, one.policy, kDefaultMax, kNow);
    EXPECT_EQ(decision.start, one.start) << one.claim;
    EXPECT_EQ(decision.stop, one.stop) << one.claim;
    EXPECT_EQ(decision.abandon, one.abandon) << one.claim;
  }
}

TEST(Autoscale, LooksAgainWhenTheFirstIdleContainerIsDue) {
  ScalingState state{.idle_since = idle_for({10s, 50s})};
  auto decision = autoscale(state, {.scaledown_window = 60s}, kDefaultMax, kNow);
  EXPECT_EQ(decision.check_again, kNow + 10s);
}

TEST(Autoscale, LooksAgainAtBusyContainersAfterAWindow) {
  ScalingState state{.busy = 1, .running = 1};
  auto decision = autoscale(state, {.scaledown_window = 60s}, kDefaultMax, kNow);
  EXPECT_EQ(decision.check_again, kNow + 60s);
}

TEST(Autoscale, LooksAgainWhenTheBackoffEnds) {
  ScalingState state{.waiting = 1, .retry_at = kNow + 4s};
  EXPECT_EQ(autoscale(state, {}, kDefaultMax, kNow).check_again, kNow + 4s);
}

TEST(Autoscale, LooksAgainWhenTheScaleupWindowEnds) {
  ScalingState state{.busy = 1, .running = 1, .waiting = 1, .short_since = kNow - 10s};
  auto decision = autoscale(state, {.scaleup_window = 30s}, kDefaultMax, kNow);
  EXPECT_EQ(decision.check_again, kNow + 20s);
  EXPECT_EQ(decision.capacity, 1);
  EXPECT_EQ(decision.enough_for, std::numeric_limits<int>::max()) << "until then no request changes the answer";
}

TEST(Autoscale, NeverLooksAgainWhenOnlyRequestsCanChangeTheAnswer) {
  EXPECT_EQ(autoscale({}, {}, kDefaultMax, kNow).check_again, std::nullopt);
  ScalingState at_the_minimum{.idle_since = idle_for({90s})};
  EXPECT_EQ(autoscale(at_the_minimum, {.min_containers = 1}, kDefaultMax, kNow).check_again, std::nullopt);
}

TEST(Autoscale, SaysHowManyRequestsTheContainersAreEnoughFor) {
  model::ScalingPolicy policy{.max_containers = 3, .buffer_containers = 1, .max_inputs = 10, .target_inputs = 5};
  ScalingState two{.starting = 1, .busy = 1, .running = 1};
  EXPECT_EQ(autoscale(two, policy, kDefaultMax, kNow).enough_for, 5);
  ScalingState three{.starting = 2, .busy = 1, .running = 1, .waiting = 1};
  EXPECT_EQ(autoscale(three, policy, kDefaultMax, kNow).enough_for, std::numeric_limits<int>::max());
}

}  // namespace
}  // namespace bimodal::scheduler
