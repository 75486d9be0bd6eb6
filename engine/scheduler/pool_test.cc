#include <gtest/gtest.h>

#include <map>
#include <set>

#include "scheduler/pool_fixture.h"

namespace bimodal::scheduler {
namespace {

TEST_F(PoolTest, StartsAContainerForTheFirstRequest) {
  open();
  EXPECT_FALSE(pool->try_acquire());
  auto lease = get(acquire());
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->container().task_id(), container(0)->task_id());
  EXPECT_EQ(launcher.started(), 1);
}

TEST_F(PoolTest, HandsOutAFreeSlotAtOnceAndTakesItBack) {
  open_with_warm_container();
  {
    auto lease = pool->try_acquire();
    ASSERT_TRUE(lease);
    EXPECT_EQ(pool->load().running, 1);
    EXPECT_FALSE(pool->try_acquire());
  }
  EXPECT_EQ(pool->load().running, 0);
  EXPECT_TRUE(pool->try_acquire());
}

TEST_F(PoolTest, ServesWaitingRequestsInTheirOrder) {
  version.scaling.max_containers = 1;
  open_with_warm_container();
  std::optional<Lease> busy = pool->try_acquire();
  auto first = wait_in_queue();
  auto second = wait_in_queue();
  EXPECT_FALSE(pool->try_acquire()) << "nobody overtakes the queue";

  busy.reset();
  auto lease = get(std::move(first));
  ASSERT_TRUE(lease);
  EXPECT_FALSE(is_ready(second));
  {
    Lease ended = *std::move(lease);
  }
  EXPECT_TRUE(get(std::move(second)));
}

TEST_F(PoolTest, BindsAWaitingRequestToWhicheverContainerIsFreeFirst) {
  version.scaling.max_containers = 2;
  version.scaling.min_containers = 2;
  open();
  ASSERT_TRUE(until([&] { return pool->load().containers == 2; }));
  auto one = pool->try_acquire();
  auto other = pool->try_acquire();
  auto waiting = wait_in_queue();
  std::string freed = other->container().task_id();
  other.reset();
  EXPECT_EQ(get(std::move(waiting))->container().task_id(), freed);
}

TEST_F(PoolTest, StartsAContainerForARequestThatIsTurnedAway) {
  open();
  EXPECT_EQ(pool->turn_away(), std::nullopt) << "none is ready, and nothing is in the way of one";
  ASSERT_TRUE(until([&] { return pool->load().containers == 1; }));
  EXPECT_EQ(launcher.started(), 1);
  auto lease = pool->try_acquire();
  ASSERT_TRUE(lease);
  EXPECT_EQ(pool->turn_away()->code, Code::ResourceExhausted);
  EXPECT_TRUE(until([&] { return pool->load().containers == 2; })) << "the full one isn't enough";
}

TEST_F(PoolTest, TellsARequestThatIsTurnedAwayWhyNothingStarts) {
  launcher.failure = "no such module";
  limits.first_retry = 10s;
  open();
  EXPECT_EQ(pool->turn_away(), std::nullopt);
  ASSERT_TRUE(until([&] { return pool->turn_away().has_value(); }));
  EXPECT_EQ(pool->turn_away()->message, "no such module");
  EXPECT_EQ(launcher.started(), 1);
  wait_for(control, pool->abort());
  EXPECT_EQ(pool->turn_away()->code, Code::Unavailable);
}

TEST_F(PoolTest, KeepsRequestsOfOneAffinityInOneContainer) {
  version.scaling.max_inputs = 2;
  version.scaling.min_containers = 3;
  open();
  ASSERT_TRUE(until([&] { return pool->load().containers == 3; }));
  std::map<std::uint64_t, std::string> homes;
  std::set<std::string> used;
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t affinity = 1; affinity <= 30; ++affinity) {
      const std::string home = pool->try_acquire(affinity)->container().task_id();
      EXPECT_EQ(homes.try_emplace(affinity, home).first->second, home);
      used.insert(home);
    }
  }
  EXPECT_EQ(used.size(), 3u) << "every container has some";

  auto one = pool->try_acquire(7), other = pool->try_acquire(7), third = pool->try_acquire(7);
  EXPECT_EQ(other->container().task_id(), homes[7]);
  EXPECT_NE(third->container().task_id(), homes[7]) << "full";
  on(control, [&] {
    launcher.start_time = 1h;  // of the one that is started in its place
    return pool->stop_container(homes[7], Stop::WhenEmpty);
  });
  for (const auto& [affinity, home] : homes) {
    if (home == homes[7] || affinity == 7) continue;
    EXPECT_EQ(pool->try_acquire(affinity)->container().task_id(), home) << "the others keep theirs";
  }
}

TEST_F(PoolTest, StartsOneContainerForTenRequestsWhenItHasTenSlots) {
  version.scaling.max_inputs = 10;
  launcher.start_time = 100ms;
  open();
  std::vector<std::future<Result<Lease>>> requests;
  for (int i = 0; i < 10; ++i) requests.push_back(acquire());
  std::vector<Result<Lease>> leases;
  for (auto& request : requests) leases.push_back(get(std::move(request)));
  EXPECT_EQ(pool->load().running, 10);
  EXPECT_EQ(launcher.started(), 1);
}

TEST_F(PoolTest, StartsAnotherWhenRunningRequestsExceedTheTarget) {
  version.scaling.max_inputs = 10;
  version.scaling.target_inputs = 2;
  open_with_warm_container();
  std::vector<std::optional<Lease>> leases;
  for (int i = 0; i < 2; ++i) leases.push_back(pool->try_acquire());
  EXPECT_EQ(launcher.started(), 1);
  leases.push_back(pool->try_acquire());
  EXPECT_TRUE(leases.back());
  EXPECT_TRUE(until([&] { return pool->load().containers == 2; }));
  leases.push_back(pool->try_acquire());
  EXPECT_EQ(leases.back()->container().task_id(), container(1)->task_id()) << "the one below its target is preferred";
}

TEST_F(PoolTest, PrefersTheMostRecentlyUsedContainer) {
  version.scaling.min_containers = 2;
  open();
  ASSERT_TRUE(until([&] { return pool->load().containers == 2; }));
  std::string used = pool->try_acquire()->container().task_id();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pool->try_acquire()->container().task_id(), used);
}

TEST_F(PoolTest, NeverExceedsMaxContainers) {
  version.scaling.max_containers = 2;
  open();
  std::vector<std::future<Result<Lease>>> requests;
  for (int i = 0; i < 5; ++i) requests.push_back(acquire());
  ASSERT_TRUE(until([&] { return pool->load().running == 2 && pool->load().waiting == 3; }));
  EXPECT_EQ(launcher.started(), 2);
  for (auto& request : requests) EXPECT_TRUE(get(std::move(request)));
  EXPECT_EQ(launcher.started(), 2);
}

TEST_F(PoolTest, RefusesARequestWhenTheQueueIsFull) {
  limits.max_waiting = 2;
  launcher.start_time = 10s;
  open();
  auto one = wait_in_queue();
  auto two = wait_in_queue();
  auto refused = get(acquire());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::ResourceExhausted);
  wait_for(control, pool->abort());
  EXPECT_EQ(get(std::move(one)).error().code, Code::Unavailable);
}

TEST_F(PoolTest, ServesWhoLostItsContainerBeforeThoseThatWaitEvenInAFullQueue) {
  version.scaling.max_containers = 1;
  limits.max_waiting = 1;
  open_with_warm_container();
  std::optional<Lease> lost = pool->try_acquire();
  auto other = wait_in_queue();
  auto again = wait_in_queue(QueueEnd::Front);
  lost->retire_container();
  lost.reset();
  auto lease = get(std::move(again));
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->container().task_id(), container(1)->task_id());
  EXPECT_FALSE(is_ready(other));
  {
    Lease ended = *std::move(lease);
  }
  EXPECT_TRUE(get(std::move(other)));
}

TEST_F(PoolTest, GivesUpAtTheDeadlineAndLeavesTheQueue) {
  launcher.start_time = 10s;
  open();
  auto late = get(acquire(20ms));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::DeadlineExceeded);
  EXPECT_EQ(pool->load().waiting, 0);
}

Task<void> acquire_in_vain(std::shared_ptr<Pool> pool, bool& cancelled) {
  auto lease = co_await pool->acquire(Deadline::never());
  cancelled = !lease && lease.error().code == Code::Cancelled;
}

TEST_F(PoolTest, LeavesTheQueueWhenTheRequestIsCancelled) {
  launcher.start_time = 10s;
  open();
  bool cancelled = false;
  Scope requests(gateway.executor(), "requests");
  on(gateway, [&] { requests.spawn(acquire_in_vain(pool, cancelled)); });
  ASSERT_TRUE(until([&] { return pool->load().waiting == 1; }));
  wait_for(gateway, requests.close());
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(pool->load().waiting, 0);
}

TEST_F(PoolTest, TakesASlotBackFromAnotherThread) {
  version.scaling.max_containers = 1;
  open_with_warm_container();
  std::optional<Lease> lease = pool->try_acquire();
  auto waiting = wait_in_queue();
  std::thread([&] { lease.reset(); }).join();
  EXPECT_TRUE(get(std::move(waiting)));
}

TEST_F(PoolTest, StopsAnIdleContainerAfterTheWindow) {
  version.scaling.scaledown_window = 100ms;
  open();
  EXPECT_TRUE(get(acquire()));
  auto idle_since = Deadline::Clock::now();
  ASSERT_TRUE(until([&] { return launcher.alive() == 0; }));
  EXPECT_GE(Deadline::Clock::now() - idle_since, 80ms);
  EXPECT_EQ(pool->load().containers, 0);
}

TEST_F(PoolTest, KeepsMinContainersThroughTheWindow) {
  version.scaling.scaledown_window = 20ms;
  version.scaling.min_containers = 1;
  open();
  auto one = get(acquire());
  auto two = get(acquire());
  EXPECT_EQ(launcher.alive(), 2);
  one = error(Code::Cancelled, "the request ended");
  two = error(Code::Cancelled, "the request ended");
  ASSERT_TRUE(until([&] { return launcher.alive() == 1; }));
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(launcher.alive(), 1);
}

TEST_F(PoolTest, FollowsUpdatedScalingAtOnce) {
  open();
  model::ScalingPolicy scaling;
  scaling.min_containers = 3;
  on(control, [&] { pool->update_scaling(scaling); });
  EXPECT_TRUE(until([&] { return pool->load().containers == 3; }));
  scaling.min_containers = 0;
  scaling.max_containers = 1;
  on(control, [&] { pool->update_scaling(scaling); });
  EXPECT_TRUE(until([&] { return launcher.alive() == 1; }));
}

TEST_F(PoolTest, ReplacesACrashedContainerForTheRequestsThatWait) {
  version.scaling.max_containers = 1;
  open_with_warm_container();
  auto lost = pool->try_acquire();
  auto waiting = wait_in_queue();
  auto crashed = container(0);
  on(control, [&] { crashed->end(ExitKind::OutOfMemory, "out of memory"); });
  auto lease = get(std::move(waiting));
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->container().task_id(), container(1)->task_id());
  lost.reset();
  EXPECT_EQ(pool->load().running, 1) << "a slot of a dead container comes back unnoticed";
}

TEST_F(PoolTest, FailsTheWaitingRequestsWithTheReasonOfTheFirstFailedStart) {
  limits.first_retry = 60s;
  launcher.failure = "ModuleNotFoundError: No module named 'x'";
  open();
  auto failed = get(acquire());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::FailedPrecondition);
  EXPECT_EQ(failed.error().message, "ModuleNotFoundError: No module named 'x'");
  EXPECT_EQ(launcher.started(), 1);
}

TEST_F(PoolTest, StartsAgainForTheRequestsThatWaitWhenASignalEndedTheStart) {
  launcher.kills = 2;
  open();
  auto lease = get(acquire());
  EXPECT_TRUE(lease);
  EXPECT_EQ(launcher.started(), 3);
}

TEST_F(PoolTest, TellsTheWaitingRequestsWhenASignalEndsOneStartAfterTheOther) {
  launcher.kills = 100;
  limits.last_retry = 20ms;
  open();
  auto failed = get(acquire());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::FailedPrecondition);
  EXPECT_EQ(failed.error().message, "terminated by SIGKILL before it was ready");
  EXPECT_EQ(launcher.started(), 3);
}

TEST_F(PoolTest, TellsTheCallersOfAnEphemeralAppOfASignalAtOnce) {
  version.ephemeral = true;
  launcher.kills = 1;
  limits.first_retry = 60s;
  open();
  EXPECT_FALSE(get(acquire()));
  EXPECT_EQ(launcher.started(), 1);
}

TEST_F(PoolTest, CountsStartsThatFailTogetherAsOneFailure) {
  limits.first_retry = 300ms;
  limits.last_retry = 60s;
  launcher.start_time = 50ms;
  launcher.failure = "out of luck";
  version.scaling.min_containers = 5;
  open();
  ASSERT_TRUE(until([&] { return launcher.started() == 5 && pool->load().starting == 0; }));
  on(control, [&] { launcher.failure.reset(); });
  auto begun = Deadline::Clock::now();
  EXPECT_TRUE(until([&] { return bool(get(acquire())); }));
  EXPECT_LT(Deadline::Clock::now() - begun, 3s) << "one pause of 300 ms, not five doublings";
}

TEST_F(PoolTest, AnswersWithTheReasonDuringTheBackoffAndTriesAgainAfterIt) {
  limits.first_retry = 300ms;
  launcher.failure = "out of luck";
  open();
  EXPECT_FALSE(get(acquire()));
  auto refused = get(acquire());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "out of luck");
  EXPECT_EQ(launcher.started(), 1);
  on(control, [&] { launcher.failure.reset(); });
  EXPECT_TRUE(until([&] { return bool(get(acquire())); }));
}

TEST_F(PoolTest, BacksOffWhenContainersDieBeforeTheyServeAnything) {
  limits.first_retry = 100ms;
  limits.last_retry = 100ms;
  open_with_warm_container();
  auto begun = Deadline::Clock::now();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(until([&] { return launcher.started() == i + 1 && pool->load().containers == 1; }));
    auto unlucky = container(i);
    on(control, [&] { unlucky->end(ExitKind::Failed, "exit status 1"); });
  }
  ASSERT_TRUE(until([&] { return launcher.started() == 4; }));
  EXPECT_GE(Deadline::Clock::now() - begun, 300ms);
}

TEST_F(PoolTest, WarmsUpOneContainer) {
  open();
  EXPECT_TRUE(get(start(control, pool->warm_up())));
  EXPECT_TRUE(get(start(control, pool->warm_up())));
  EXPECT_EQ(launcher.started(), 1);
  EXPECT_TRUE(pool->try_acquire());
}

TEST_F(PoolTest, SaysWhyItCanNotWarmUp) {
  launcher.failure = "SyntaxError: invalid syntax";
  open();
  auto failed = get(start(control, pool->warm_up()));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "SyntaxError: invalid syntax");
}

TEST_F(PoolTest, LetsAContainerGoGracefullyOnceItsRequestsAreDone) {
  open_with_warm_container();
  auto lease = pool->try_acquire();
  std::string id = lease->container().task_id();
  EXPECT_TRUE(on(control, [&] { return pool->stop_container(id, Stop::WhenEmpty); }));
  ASSERT_TRUE(until([&] { return pool->load().containers == 1; })) << "min_containers brings a replacement";
  EXPECT_EQ(launcher.alive(), 2);
  auto next = pool->try_acquire();
  ASSERT_TRUE(next);
  EXPECT_NE(next->container().task_id(), id);
  lease.reset();
  EXPECT_TRUE(until([&] { return launcher.alive() == 1; }));
  EXPECT_FALSE(on(control, [&] { return pool->stop_container("ta-other", Stop::WhenEmpty); }));
}

TEST_F(PoolTest, KillsAContainerThatIsStoppedWithoutGrace) {
  open_with_warm_container();
  auto lease = pool->try_acquire();
  std::string id = lease->container().task_id();
  EXPECT_TRUE(on(control, [&] { return pool->stop_container(id, Stop::Kill); }));
  auto killed = container(0);
  EXPECT_EQ(get(start(control, killed->wait_exit())).kind, ExitKind::Signalled);
}

TEST_F(PoolTest, StopsAContainerNowWithRequestsThatItKnowsOfInside) {
  open_with_warm_container();
  auto lease = pool->try_acquire();
  const auto one = container(0);
  on(control, [&] { return pool->stop_container(one->task_id(), Stop::Now); });
  EXPECT_EQ(get(start(control, one->wait_exit())).kind, ExitKind::Finished) << "drained, not killed";
}

TEST_F(PoolTest, GivesWebRequestsTheDrainTimeInAContainerThatIsStoppedNow) {
  version.web_methods.resize(1);
  limits.drain = 200ms;
  open_with_warm_container();
  auto lease = pool->try_acquire();
  const auto one = container(0);
  EXPECT_FALSE(lease->leaving_since());
  const auto begun = Deadline::Clock::now();
  on(control, [&] { return pool->stop_container(one->task_id(), Stop::Now); });
  EXPECT_TRUE(on(control, [&] { return pool->was_stopped(one->task_id()); }));
  ASSERT_TRUE(lease->leaving_since());
  EXPECT_GE(*lease->leaving_since(), begun);
  EXPECT_EQ(get(start(control, one->wait_exit())).kind, ExitKind::Finished);
  EXPECT_GE(Deadline::Clock::now() - begun, 200ms);
}

TEST_F(PoolTest, TellsAContainerThatIsToLeaveFromOneThatDied) {
  open_with_warm_container();
  auto lease = pool->try_acquire();
  on(control, [&] { launcher.containers().at(0)->end(ExitKind::Failed, "exit status 1"); });
  ASSERT_TRUE(until([&] { return launcher.started() == 2; }));
  EXPECT_FALSE(lease->leaving_since());
}

TEST_F(PoolTest, LetsRequestsToAPortEndBeforeItsContainerIsStoppedNow) {
  version.web_methods.resize(1);
  version.web_methods[0].kind = model::WebKind::WebServer;
  open_with_warm_container();
  auto lease = pool->try_acquire();
  const auto one = container(0);
  on(control, [&] { return pool->stop_container(one->task_id(), Stop::Now); });
  ASSERT_TRUE(until([&] { return pool->load().containers == 1; })) << "another one";
  EXPECT_EQ(launcher.alive(), 2);
  lease.reset();
  EXPECT_EQ(get(start(control, one->wait_exit())).kind, ExitKind::Finished);
}

TEST_F(PoolTest, ClosesWhenItsRequestsAreDone) {
  open_with_warm_container();
  auto lease = pool->try_acquire();
  auto closed = start(control, completed(pool->close(Deadline::never())));
  EXPECT_EQ(get(acquire()).error().code, Code::Unavailable);
  EXPECT_FALSE(pool->try_acquire());
  EXPECT_EQ(launcher.alive(), 1);
  lease.reset();
  EXPECT_TRUE(get(std::move(closed)));
  EXPECT_EQ(launcher.alive(), 0);
}

TEST_F(PoolTest, LosesPatienceWithRunningRequestsWhenItCloses) {
  open_with_warm_container();
  auto lease = pool->try_acquire();
  wait_for(control, pool->close(Deadline::after(20ms)));
  EXPECT_EQ(launcher.alive(), 0);
}

TEST_F(PoolTest, CancelsStartsWhenItCloses) {
  launcher.start_time = 1h;
  version.startup_timeout = 2h;
  version.scaling.min_containers = 2;
  open();
  ASSERT_TRUE(until([&] { return pool->load().starting == 2; }));
  wait_for(control, pool->close(Deadline::never()));
  EXPECT_EQ(pool->load().starting, 0);
}

}  // namespace
}  // namespace bimodal::scheduler
