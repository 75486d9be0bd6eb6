// The small parts of the module.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "http/address.h"
#include "http/date.h"
#include "http/target.h"
#include "http/timer_wheel.h"

namespace bimodal::http {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::Clock;

struct Recorder : TimerWheel::Timer {
  explicit Recorder(std::vector<int>& log, int number) : log(log), number(number) {}
  void on_timeout() override { log.push_back(number); }
  std::vector<int>& log;
  int number;
};

TEST(TimerWheel, FiresInOrderNeverEarlyAndSoon) {
  const Clock::time_point start{};
  TimerWheel wheel(start);
  std::vector<int> log;
  Recorder late(log, 2);
  Recorder early(log, 1);
  wheel.advance(start + 49ms);
  wheel.arm(late, 200ms);
  wheel.arm(early, 120ms);
  wheel.advance(start + 168ms);
  EXPECT_TRUE(log.empty());
  wheel.advance(start + 201ms);
  EXPECT_EQ(log, std::vector<int>{1});
  wheel.advance(start + 249ms + 2 * TimerWheel::kTick);
  EXPECT_EQ(log, (std::vector<int>{1, 2}));
  EXPECT_TRUE(wheel.empty());
}

TEST(TimerWheel, KeepsTimersBeyondOneTurnOfTheWheel) {
  const Clock::time_point start{};
  TimerWheel wheel(start);
  std::vector<int> log;
  Recorder far(log, 1);
  wheel.arm(far, 10min);
  wheel.advance(start + 10min - 1ms);
  EXPECT_TRUE(log.empty());
  wheel.advance(start + 10min + 2 * TimerWheel::kTick);
  EXPECT_EQ(log.size(), 1u);
}

TEST(TimerWheel, SkipsToTheFirstTimerAndCallsNobody) {
  const auto start = Deadline::Clock::now();
  TimerWheel wheel(start);
  wheel.skip(start + 1h);  // an empty one all the way
  std::vector<int> fired;
  Recorder first(fired, 1), second(fired, 2);
  wheel.arm(first, 1s);
  EXPECT_EQ(wheel.ticks_to_next(), 1s / TimerWheel::kTick + 1);
  wheel.skip(start + 1h + 500ms);
  EXPECT_EQ(wheel.ticks_to_next(), 500ms / TimerWheel::kTick + 1);
  wheel.arm(second, 1s);
  wheel.skip(start + 1h + 10s);
  EXPECT_EQ(wheel.ticks_to_next(), 1U);
  EXPECT_TRUE(fired.empty());
  wheel.advance(start + 1h + 1s + TimerWheel::kTick);
  EXPECT_EQ(fired, std::vector<int>{1});
  wheel.advance(start + 1h + 1500ms + TimerWheel::kTick);
  EXPECT_EQ(fired, (std::vector<int>{1, 2}));
}

TEST(TimerWheel, ForgetsWhatIsDisarmedMovedOrDestroyed) {
  const Clock::time_point start{};
  TimerWheel wheel(start);
  std::vector<int> log;
  Recorder moved(log, 1);
  Recorder disarmed(log, 2);
  wheel.arm(moved, 100ms);
  wheel.arm(moved, 1h);
  wheel.arm(disarmed, 100ms);
  wheel.disarm(disarmed);
  {
    Recorder destroyed(log, 3);
    wheel.arm(destroyed, 100ms);
  }
  wheel.advance(start + 1s);
  EXPECT_TRUE(log.empty());
}

struct Disarmer : TimerWheel::Timer {
  void on_timeout() override { wheel->disarm(*other); }
  TimerWheel* wheel = nullptr;
  TimerWheel::Timer* other = nullptr;
};

TEST(TimerWheel, LetsACallbackDisarmATimerThatIsDueToo) {
  const Clock::time_point start{};
  TimerWheel wheel(start);
  std::vector<int> log;
  Disarmer first;
  Recorder second(log, 1);
  first.wheel = &wheel;
  first.other = &second;
  wheel.arm(first, 100ms);
  wheel.arm(second, 100ms);
  wheel.advance(start + 1s);
  EXPECT_TRUE(log.empty());
  EXPECT_TRUE(wheel.empty());
}

TEST(Host, LosesItsPortAndFinalDot) {
  EXPECT_EQ(host_without_port("a.b:80"), "a.b");
  EXPECT_EQ(host_without_port("a.b.:80"), "a.b");
  EXPECT_EQ(host_without_port("a.b"), "a.b");
  EXPECT_EQ(host_without_port("[::1]:80"), "[::1]");
  EXPECT_EQ(host_without_port(""), "");
}

TEST(Address, IsReadAndWritten) {
  auto v4 = parse_address("127.0.0.1:8080");
  ASSERT_TRUE(v4);
  EXPECT_EQ(v4->host(), "127.0.0.1");
  EXPECT_EQ(v4->port(), 8080);
  auto v6 = parse_address("[::1]:0");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host(), "::1");
  EXPECT_EQ(parse_address("localhost:1")->host(), "127.0.0.1");
  for (const char* bad : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "x:1", "::1:80", "1.2.3.4:80x"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

TEST(DateLine, HasTheFormOfHttp) {
  DateLine date;
  std::string text(date.now());
  EXPECT_EQ(text.size(), 29u) << text;
  EXPECT_TRUE(text.ends_with(" GMT")) << text;
}

}  // namespace
}  // namespace bimodal::http
