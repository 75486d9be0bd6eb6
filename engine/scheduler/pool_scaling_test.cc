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

TEST_F(PoolTest, GivesAContainerThatStallsNoRequestsAndReplacesItWhileItDoes) {
  version.scaling.max_inputs = 2;
  open_with_warm_container();
  auto inside = pool->try_acquire();
  const auto stalling = container(0);
  on(control, [&] { stalling->stall(true); });
  auto lease = get(acquire());
  ASSERT_TRUE(lease);
  EXPECT_NE(lease->container().task_id(), stalling->task_id());
  on(control, [&] { stalling->stall(false); });
  auto second = get(acquire()), third = get(acquire());
  EXPECT_EQ(pool->load().running, 4);
  EXPECT_EQ(launcher.started(), 2) << "both have their slots";
}

TEST_F(PoolTest, TellsAContainerWhetherItWasUsed) {
  open_with_warm_container();
  const auto used = container(0);
  used->was_used();
  EXPECT_FALSE(used->was_used());
  auto inside = pool->try_acquire();
  EXPECT_TRUE(used->was_used());
  EXPECT_TRUE(used->was_used()) << "the request is still inside";
  inside.reset();
  EXPECT_FALSE(used->was_used());
  pool->try_acquire().reset();
  EXPECT_TRUE(used->was_used()) << "one came and went";
}

TEST_F(PoolTest, DoesntReplaceAFullContainerThatStallsWhileNobodyWaits) {
  open_with_warm_container();
  auto inside = pool->try_acquire();
  const auto stalling = container(0);
  on(control, [&] { stalling->stall(true); });
  inside.reset();
  on(control, [&] { stalling->stall(false); });
  EXPECT_TRUE(until([&] { return pool->try_acquire().has_value(); }));
  EXPECT_EQ(launcher.started(), 1);
}

TEST_F(PoolTest, CountsAStalledContainerForTheMaximum) {
  version.scaling.max_containers = 1;
  open_with_warm_container();
  const auto stalling = container(0);
  on(control, [&] { stalling->stall(true); });
  EXPECT_EQ(get(acquire(50ms)).error().code, Code::DeadlineExceeded);
  EXPECT_EQ(launcher.started(), 1);
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
