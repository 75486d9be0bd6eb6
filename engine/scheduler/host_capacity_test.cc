#include "scheduler/host_capacity.h"

#include "scheduler/functions.h"
#include "scheduler/host_guest.h"
#include "scheduler/test_support.h"

namespace bimodal::scheduler {
namespace {

// Pools of several apps on one host, with containers that are lines in a list.
class HostCapacityTest : public testing::Test {
 protected:
  HostCapacityTest() {
    control.start();
    gateway.start();
    limits.host = &host;
    limits.first_retry = 20ms;
  }
  ~HostCapacityTest() override {
    for (auto& pool : pools) wait_for(control, pool->abort());
    EXPECT_EQ(launcher.alive(), 0);
    EXPECT_EQ(account().used.memory_mb, 0);
    EXPECT_EQ(account().used.cpu_milli, 0);
  }

  std::shared_ptr<Pool> open(const char* app, model::Resources resources, model::ScalingPolicy scaling = {}) {
    auto version = std::make_shared<model::FunctionVersion>();
    version->app_name = app;
    version->tag = "hello";
    version->resources = resources;
    version->scaling = scaling;
    auto pool = on(control, [&] { return Pool::create(version, launcher, control.executor(), limits); });
    pools.push_back(pool);
    return pool;
  }
  std::future<Result<Lease>> acquire(
      const std::shared_ptr<Pool>& pool, Deadline::Clock::duration patience = kPatience) {
    return start(gateway, pool->acquire(Deadline::after(patience)));
  }
  // Why a request for which there is no room waits in vain. One whose time is over before the host has been asked, on a
  // busy machine, can't know.
  Error refusal(const std::shared_ptr<Pool>& pool) {
    Error told{Code::DeadlineExceeded, ""};
    EXPECT_TRUE(until([&] {
      told = get(acquire(pool, 50ms)).error();
      return told.code != Code::DeadlineExceeded;
    }));
    return told;
  }
  HostCapacity::Account account() {
    return on(control, [&] { return host.account(); });
  }
  bool until_waiting(std::size_t count) {
    return until([&] { return account().waiting.size() == count; });
  }

  Loop control{"control"};
  Loop gateway{"gateway"};
  FakeLauncher launcher{control.executor()};
  std::optional<std::string> pressure;
  std::vector<std::string> notices;
  HostCapacity host{
      control.executor(),
      {.memory_mb = 1000, .cpu_milli = 4000},
      [this] { return pressure; },
      [this](const model::FunctionVersion& version, const std::string& reason) {
        notices.push_back(version.app_name + ": " + reason);
      }};
  PoolLimits limits;
  std::vector<std::shared_ptr<Pool>> pools;
};

const model::Resources kMost{.cpu_milli = 100, .memory_mb = 600};

constexpr auto kRefused = HostGuest::InVain::Refused;

model::FunctionVersion guest_of(int memory_mb) {
  model::FunctionVersion guest;
  guest.app_name = "shop";
  guest.tag = "sandbox";
  guest.resources = {.cpu_milli = 1, .memory_mb = memory_mb};
  return guest;
}

TEST_F(HostCapacityTest, AContainerWaitsUntilThereIsRoomAndTheReasonIsSaid) {
  auto one = open("one", kMost), other = open("other", kMost);
  auto lease = get(acquire(one));
  ASSERT_TRUE(lease);
  auto waiting = acquire(other);
  ASSERT_TRUE(until_waiting(1));
  const std::string reason =
      "the host has 400 MiB of memory free of 1000 MiB for containers, other/hello asks for 600 MiB";
  EXPECT_EQ(account().waiting.at(0), "other/hello: " + reason);
  EXPECT_EQ(account().used.memory_mb, 600);
  EXPECT_EQ(on(control, [&] { return notices; }), std::vector<std::string>{"other: " + reason});
  EXPECT_EQ(launcher.started(), 1);
  lease = error(Code::Ok, "ended");
  EXPECT_TRUE(get(std::move(waiting))) << "the idle container gave way";
}

TEST_F(HostCapacityTest, ARequestWhoseWaitEndsIsToldWhatTheHostLacks) {
  auto one = open("one", {.cpu_milli = 3500, .memory_mb = 10}),
       other = open("other", {.cpu_milli = 1000, .memory_mb = 10});
  auto lease = get(acquire(one));
  const Error told = refusal(other);
  EXPECT_EQ(told.code, Code::Aborted);
  EXPECT_EQ(told.message, "the host has 0.5 CPUs free of 4 for containers, other/hello asks for 1");
}

TEST_F(HostCapacityTest, MinContainersDontGiveWay) {
  auto one = open("one", kMost, {.min_containers = 1});
  ASSERT_TRUE(until([&] { return one->load().containers == 1; }));
  auto other = open("other", kMost);
  EXPECT_EQ(refusal(other).code, Code::Aborted);
  EXPECT_EQ(one->load().containers, 1);
}

TEST_F(HostCapacityTest, TheLongestIdleGivesWayAndNoMoreThanIsNeeded) {
  const model::Resources third{.cpu_milli = 100, .memory_mb = 333};
  auto first = open("first", third), second = open("second", third), third_one = open("third", third);
  for (auto& pool : {first, second, third_one}) EXPECT_TRUE(get(acquire(pool)));
  auto last = open("last", third);
  EXPECT_TRUE(get(acquire(last)));
  EXPECT_EQ(first->load().containers, 0);
  EXPECT_EQ(second->load().containers, 1);
  EXPECT_EQ(third_one->load().containers, 1);
}

TEST_F(HostCapacityTest, APoolWithoutContainersComesBeforeOneThatGrows) {
  auto greedy = open("greedy", {.cpu_milli = 100, .memory_mb = 500}),
       small = open("small", {.cpu_milli = 100, .memory_mb = 500});
  std::vector<Result<Lease>> held;
  for (int i = 0; i < 2; ++i) held.push_back(get(acquire(greedy)));
  std::vector<std::future<Result<Lease>>> more;
  for (int i = 0; i < 3; ++i) more.push_back(acquire(greedy));
  ASSERT_TRUE(until_waiting(1));
  auto first = acquire(small);
  ASSERT_TRUE(until_waiting(2));
  on(control, [&] { launcher.containers().at(0)->end(ExitKind::Failed, "exit status 1"); });
  EXPECT_TRUE(get(std::move(first)));
  EXPECT_EQ(small->load().containers, 1);
  held.clear();
  for (auto& request : more) EXPECT_TRUE(get(std::move(request)));
}

TEST_F(HostCapacityTest, WhatCouldNeverStartIsRefusedByName) {
  EXPECT_TRUE(host.check("function 'f'", {.cpu_milli = 4000, .memory_mb = 1000}));
  const auto memory = host.check("function 'f'", {.cpu_milli = 1, .memory_mb = 1001});
  EXPECT_EQ(memory.error().code, Code::InvalidArgument);
  EXPECT_NE(memory.error().message.find("function 'f' asks for memory=1001"), std::string::npos);
  const auto cpu = host.check("function 'f'", {.cpu_milli = 4001, .memory_mb = 1});
  EXPECT_NE(cpu.error().message.find("cpu=4.001, more than the 4 "), std::string::npos) << cpu.error().message;
}

TEST_F(HostCapacityTest, WhoNoLongerNeedsRoomLeavesTheQueue) {
  auto one = open("one", kMost), other = open("other", kMost);
  auto lease = get(acquire(one));
  EXPECT_EQ(refusal(other).code, Code::Aborted);
  EXPECT_TRUE(until_waiting(0));
  lease = error(Code::Ok, "ended");
  EXPECT_EQ(one->load().containers, 1) << "nobody asks it to give way";
  EXPECT_EQ(launcher.started(), 1);
}

TEST_F(HostCapacityTest, APoolThatWarmsUpKeepsItsPlace) {
  auto one = open("one", kMost), other = open("other", kMost);
  auto lease = get(acquire(one));
  auto warm = start(control, other->warm_up());
  ASSERT_TRUE(until_waiting(1));
  EXPECT_EQ(refusal(other).code, Code::Aborted);
  EXPECT_EQ(account().waiting.size(), 1u);
  lease = error(Code::Ok, "ended");
  EXPECT_TRUE(get(std::move(warm)));
}

TEST_F(HostCapacityTest, AFailedStartGivesItsRoomBack) {
  launcher.failure = "no such module";
  auto pool = open("one", kMost);
  EXPECT_EQ(get(acquire(pool)).error().code, Code::FailedPrecondition);
  EXPECT_EQ(account().used.memory_mb, 0);
}

TEST_F(HostCapacityTest, NothingStartsOnAHostThatIsShortAndCallersAreToldSo) {
  on(control, [&] { pressure = "the host is short of memory"; });
  auto pool = open("one", kMost);
  auto told = get(acquire(pool));
  EXPECT_EQ(told.error().code, Code::Aborted);
  EXPECT_EQ(told.error().message, "the host is short of memory");
  EXPECT_EQ(launcher.started(), 0);
  on(control, [&] { pressure.reset(); });
  EXPECT_TRUE(until([&] { return get(acquire(pool)).has_value(); })) << "after the pause";
}

// A rolling deployment: `next` takes the place of `old`.
struct Rollout {
  std::shared_ptr<Pool> old, next;
  std::future<Result<void>> warm;
};

class RolloutTest : public HostCapacityTest {
 protected:
  Rollout roll(model::ScalingPolicy scaling) {
    Rollout rollout;
    rollout.old = open("one", kMost, scaling);
    EXPECT_TRUE(until([&] { return rollout.old->load().containers == 1; }));
    return rollout;
  }
  void begin(Rollout& rollout) {
    rollout.next = open("one", kMost);
    on(control, [&] { rollout.next->succeed(rollout.old); });
    rollout.warm = start(control, rollout.next->warm_up());
  }
};

TEST_F(RolloutTest, AnIdleContainerOfTheOldVersionMakesWayAlthoughItIsOneOfTheMinimum) {
  launcher.start_time = 100ms;
  Functions functions(launcher, control.executor(), limits);
  const auto publish = [&](const char* definition) {
    model::FunctionVersion version;
    version.function_id = "fu-1";
    version.definition_id = definition;
    version.resources = kMost;
    version.scaling.min_containers = 1;
    auto published = std::make_shared<const model::FunctionVersion>(version);
    on(control, [&] { functions.publish("ap-1", {published}, Switch::WhenWarm); });
  };
  const auto serving = [&] { return *functions.find("fu-1")->pool(); };
  publish("de-1");
  ASSERT_TRUE(until([&] { return serving()->load().containers == 1; }));
  const std::shared_ptr<Pool> old = serving();
  publish("de-2");
  ASSERT_TRUE(until([&] { return old->load().containers == 0; }));
  EXPECT_EQ(get(acquire(old)).error().code, Code::Unavailable) << "who comes meanwhile belongs to the new version";
  EXPECT_EQ(serving()->version().definition_id, "de-2");
  EXPECT_TRUE(serving()->try_acquire());
  EXPECT_EQ(launcher.started(), 2);
  wait_for(control, functions.close(Deadline::after(kPatience)));
}

TEST_F(RolloutTest, ABusyContainerOfTheOldVersionGoesOnForTheDrainTimeAndThenGetsNoMoreRequests) {
  limits.drain = 100ms;
  Rollout rollout = roll({.min_containers = 1, .max_inputs = 10});
  auto lease = rollout.old->try_acquire();
  const auto begun = Deadline::Clock::now();
  begin(rollout);
  ASSERT_TRUE(until([&] { return rollout.old->load().containers == 0; }));
  EXPECT_GE(Deadline::Clock::now() - begun, 100ms);
  EXPECT_EQ(rollout.old->load().running, 1) << "what runs may end";
  EXPECT_EQ(launcher.alive(), 1);
  lease.reset();
  EXPECT_TRUE(get(std::move(rollout.warm)));
}

TEST_F(RolloutTest, TheOldVersionHasItsMinimumAgainWhenTheNewOneIsGivenUp) {
  limits.drain = 100ms;
  Rollout rollout = roll({.min_containers = 1});
  auto other = open("other", {.cpu_milli = 100, .memory_mb = 400});
  auto held = get(acquire(other));
  launcher.failure = "SyntaxError: invalid syntax";
  begin(rollout);
  EXPECT_FALSE(get(std::move(rollout.warm)));
  launcher.failure.reset();
  wait_for(control, rollout.next->abort());
  EXPECT_TRUE(until([&] { return rollout.old->load().containers == 1; }));
}

TEST_F(HostCapacityTest, AGuestReservesUntilItIsGone) {
  auto other = open("other", kMost);
  ASSERT_TRUE(get(acquire(other)));
  auto guest = get(start(control, HostGuest::admit(host, guest_of(600), Deadline::after(kPatience), kRefused)));
  ASSERT_TRUE(guest);
  EXPECT_EQ(other->load().containers, 0) << "the idle container gave way";
  auto waiting = acquire(other);
  ASSERT_TRUE(until_waiting(1));
  on(control, [&] { guest->reset(); });
  EXPECT_TRUE(get(std::move(waiting)));
}

TEST_F(HostCapacityTest, AGuestWithoutRoomIsRefusedWithTheRemedyOrGoesBeyondWhatThereIs) {
  auto other = open("other", kMost);
  auto lease = get(acquire(other));
  const auto refused = get(start(control, HostGuest::admit(host, guest_of(600), Deadline::after(20ms), kRefused)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::ResourceExhausted);
  EXPECT_EQ(
      refused.error().message,
      "the host has 400 MiB of memory free of 1000 MiB for containers, shop/sandbox asks for 600 MiB: end what runs, "
      "ask for less, or let containers have more (scheduler.host_memory, scheduler.cpu_overcommit)");
  const auto large = get(start(control, HostGuest::admit(host, guest_of(1001), Deadline::after(20ms), kRefused)));
  EXPECT_EQ(large.error().code, Code::InvalidArgument);
  const auto overdraws = HostGuest::InVain::Overdraws;
  auto guest = get(start(control, HostGuest::admit(host, guest_of(600), Deadline::after(20ms), overdraws)));
  ASSERT_TRUE(guest);
  EXPECT_EQ(account().used.memory_mb, 1200);
  const std::string told = "the host has 0 MiB of memory free of 1000 MiB for containers, small/hello asks for 10 MiB";
  EXPECT_EQ(refusal(open("small", {.cpu_milli = 1, .memory_mb = 10})).message, told);
  on(control, [&] { guest->reset(); });
}

}  // namespace
}  // namespace bimodal::scheduler
