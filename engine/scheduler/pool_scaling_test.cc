// When a pool starts containers, and when it gives starts up.
#include "scheduler/pool_fixture.h"

namespace bimodal::scheduler {
namespace {

Task<void> give_up_waiting(std::shared_ptr<Pool> pool) {
  (void)co_await pool->acquire(Deadline::never());
}

TEST_F(PoolTest, GivesUpStartsThatNobodyWaitsForAnyMore) {
  launcher.start_time = 1h;
  open();
  {
    Scope callers(gateway.executor(), "callers");
    on(gateway, [&] {
      for (int i = 0; i < 5; ++i) callers.spawn(give_up_waiting(pool));
    });
    ASSERT_TRUE(until([&] { return pool->load().starting == 5; }));
    wait_for(gateway, callers.close());
  }
  EXPECT_TRUE(until([&] { return pool->load().starting == 1; })) << "one goes on";
  EXPECT_EQ(launcher.started(), 5);
}

TEST_F(PoolTest, StartsMoreOnlyAfterTheScaleupWindow) {
  version.scaling.scaleup_window = 100ms;
  const auto begun = Deadline::Clock::now();
  open();
  auto first = get(acquire());
  ASSERT_TRUE(first) << "the first doesn't wait for it";
  auto second = get(acquire());
  ASSERT_TRUE(second);
  EXPECT_GE(Deadline::Clock::now() - begun, 100ms);
  EXPECT_EQ(launcher.started(), 2);
}

}  // namespace
}  // namespace bimodal::scheduler
