#include <gtest/gtest.h>

#include "async/blocking_pool.h"
#include "async/loop.h"
#include "async/pulse.h"
#include "async/rough.h"
#include "async/scope.h"
#include "base/result.h"

namespace bimodal {
namespace {

using namespace std::chrono_literals;

Task<void> count_after(Pulse& pulse, int& count) {
  if (co_await pulse.wait(Deadline::after(5s))) ++count;
}

TEST(Pulse, WakesEveryWaiter) {
  Loop loop("test");
  loop.start();
  Pulse pulse(loop.executor());
  int count = 0;
  struct Body {
    static Task<void> run(Loop& loop, Pulse& pulse, int& count) {
      Scope scope(loop.executor(), "test");
      for (int i = 0; i < 3; ++i) scope.spawn(count_after(pulse, count));
      co_await sleep_until(Deadline::after(10ms));
      pulse.notify_all();
      while (scope.size() > 0) co_await sleep_until(Deadline::after(1ms));
    }
  };
  loop.run_blocking(Body::run(loop, pulse, count));
  EXPECT_EQ(count, 3);
}

TEST(Pulse, GivesUpAtTheDeadline) {
  Loop loop("test");
  loop.start();
  Pulse pulse(loop.executor());
  bool woken = true;
  struct Body {
    static Task<void> run(Pulse& pulse, bool& woken) { woken = co_await pulse.wait(Deadline::after(5ms)); }
  };
  loop.run_blocking(Body::run(pulse, woken));
  EXPECT_FALSE(woken);
}

Task<void> wait_forever(Pulse& pulse, bool& ended) {
  co_await pulse.wait(Deadline::never());
  ended = true;
}

TEST(Scope, CancelsItsTasksWhenClosed) {
  Loop loop("test");
  loop.start();
  Pulse pulse(loop.executor());
  bool ended = false;
  struct Body {
    static Task<void> run(Loop& loop, Pulse& pulse, bool& ended) {
      Scope scope(loop.executor(), "test");
      scope.spawn(wait_forever(pulse, ended));
      co_await sleep_until(Deadline::after(5ms));
      co_await scope.close();
    }
  };
  loop.run_blocking(Body::run(loop, pulse, ended));
  EXPECT_TRUE(ended);
}

TEST(BlockingPool, ResumesTheCallerOnItsLoop) {
  Loop loop("test");
  loop.start();
  BlockingPool pool(2);
  bool same = false;
  int value = 0;
  struct Body {
    static Task<void> run(Loop& loop, BlockingPool& pool, bool& same, int& value) {
      auto work = [] { return Result<int>(42); };
      auto result = co_await pool.run(work);
      value = *result;
      same = loop.in_this_thread();
    }
  };
  loop.run_blocking(Body::run(loop, pool, same, value));
  EXPECT_TRUE(same);
  EXPECT_EQ(value, 42);
}

TEST(BlockingPool, LetsGoOfWhatTheWorkHoldsBeforeTheCallerGoesOn) {
  Loop loop("test");
  loop.start();
  BlockingPool pool(2);
  int held = 0;
  struct Body {
    static Task<void> run(BlockingPool& pool, int& held) {
      for (int i = 0; i < 1000; ++i) {
        auto holder = std::make_shared<int>(i);
        auto work = [holder] { return *holder; };
        co_await pool.run(std::move(work));
        if (holder.use_count() != 1) ++held;
      }
    }
  };
  loop.run_blocking(Body::run(pool, held));
  EXPECT_EQ(held, 0);
}

TEST(RoughTimers, EndTogetherAndAtEqualIntervals) {
  const Deadline::Clock::time_point whole{1000s};
  EXPECT_EQ(roughly_after(10s, whole + 300ms).point(), whole + 10s);
  EXPECT_EQ(roughly_after(2s, whole + 8100ms).point(), whole + 10s);
  EXPECT_EQ(roughly_after(1s, whole + 501ms).point(), whole + 2s);
  EXPECT_EQ(roughly_after(100ms, whole + 4ms).point(), whole + 100ms);
  auto now = whole + 400ms;
  for (int i = 1; i <= 5; ++i) {
    now = roughly_after(10s, now).point() + 400us;  // woken a little late
    EXPECT_EQ(now, whole + i * 10s + 400us);
  }
}

}  // namespace
}  // namespace bimodal
