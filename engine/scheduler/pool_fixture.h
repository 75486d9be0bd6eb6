// A pool with containers that are lines in a list, for tests: a loop for control, another for the requests.
#pragma once

#include <gtest/gtest.h>

#include "scheduler/pool.h"
#include "scheduler/test_support.h"

namespace bimodal::scheduler {

class PoolTest : public testing::Test {
 protected:
  PoolTest() {
    control.start();
    gateway.start();
    version.app_name = "shop";
    version.tag = "hello";
    limits.first_retry = 20ms;
    limits.last_retry = 80ms;
  }
  ~PoolTest() override {
    if (pool) wait_for(control, pool->abort());
    EXPECT_EQ(launcher.alive(), 0);
  }

  void open() {
    auto shared = std::make_shared<const model::FunctionVersion>(version);
    pool = on(control, [&] { return Pool::create(shared, launcher, control.executor(), limits); });
  }
  void open_with_warm_container() {
    version.scaling.min_containers = 1;
    open();
    ASSERT_TRUE(until([&] { return pool->load().containers == 1; }));
  }
  std::future<Result<Lease>> acquire(Deadline::Clock::duration patience = kPatience, QueueEnd end = QueueEnd::Back) {
    return start(gateway, pool->acquire(Deadline::after(patience), end));
  }
  // An acquire that is in the queue when this returns.
  std::future<Result<Lease>> wait_in_queue(QueueEnd end = QueueEnd::Back) {
    int before = pool->load().waiting;
    auto request = acquire(kPatience, end);
    EXPECT_TRUE(until([&] { return pool->load().waiting > before; }));
    return request;
  }
  std::shared_ptr<FakeContainer> container(int index) {
    return on(control, [&] { return launcher.containers().at(index); });
  }

  Loop control{"control"};
  Loop gateway{"gateway"};
  FakeLauncher launcher{control.executor()};
  model::FunctionVersion version;
  PoolLimits limits;
  std::shared_ptr<Pool> pool;
};

}  // namespace bimodal::scheduler
