// What every Launcher does, as tests: an implementation instantiates LauncherContract with a Subject of its own.
//
//   struct Subject {
//     Loop& loop();                            // running on a thread of its own
//     Launcher& launcher();                    // on that loop
//     model::FunctionVersionPtr works();       // becomes warm
//     model::FunctionVersionPtr fails();       // can't start, and says so itself
//     model::FunctionVersionPtr hangs();       // is never warm; its startup_timeout is short
//     model::FunctionVersionPtr hangs_long();  // is never warm; its startup_timeout is long
//     int alive();                             // containers that exist, warm or not; any thread
//   };
#pragma once

#include <gtest/gtest.h>

#include "scheduler/launcher.h"
#include "scheduler/test_support.h"

namespace bimodal::scheduler {

template <typename Subject>
class LauncherContract : public testing::Test {
 protected:
  ~LauncherContract() override {
    EXPECT_TRUE(until([&] { return subject.alive() == 0; })) << "containers are left";
  }
  std::shared_ptr<Container> launch_one() {
    return get(bimodal::scheduler::start(subject.loop(), subject.launcher().launch(subject.works()))).value();
  }
  ContainerExit exit_of(const std::shared_ptr<Container>& container) {
    return get(bimodal::scheduler::start(subject.loop(), container->wait_exit()));
  }
  Result<std::shared_ptr<Container>> launch(model::FunctionVersionPtr version) {
    return get(bimodal::scheduler::start(subject.loop(), subject.launcher().launch(std::move(version))));
  }
  Subject subject;
};

TYPED_TEST_SUITE_P(LauncherContract);

TYPED_TEST_P(LauncherContract, GivesEveryContainerItsOwnName) {
  auto one = this->launch_one();
  auto other = this->launch_one();
  EXPECT_TRUE(one->task_id().starts_with("ta-"));
  EXPECT_NE(one->task_id(), other->task_id());
  EXPECT_FALSE(one->web_socket().empty());
  on(this->subject.loop(), [&] {
    one->kill();
    other->kill();
  });
}

TYPED_TEST_P(LauncherContract, ReportsAKilledContainerAsSignalledToEveryoneWhoAsks) {
  auto container = this->launch_one();
  auto waiting = start(this->subject.loop(), container->wait_exit());
  on(this->subject.loop(), [&] { container->kill(); });
  EXPECT_EQ(get(std::move(waiting)).kind, ExitKind::Signalled);
  auto again = this->exit_of(container);
  EXPECT_EQ(again.kind, ExitKind::Signalled);
  EXPECT_FALSE(again.reason.empty());
}

TYPED_TEST_P(LauncherContract, ReportsADrainedContainerAsFinished) {
  auto container = this->launch_one();
  on(this->subject.loop(), [&] { container->drain(); });
  auto exit = this->exit_of(container);
  EXPECT_EQ(exit.kind, ExitKind::Finished) << exit.reason;
  EXPECT_EQ(exit.reason, "");
}

TYPED_TEST_P(LauncherContract, FailsWithOneLineWhenTheContainerCanNotStart) {
  auto failed = this->launch(this->subject.fails());
  ASSERT_FALSE(failed);
  EXPECT_FALSE(failed.error().message.empty());
  EXPECT_EQ(failed.error().message.find('\n'), std::string::npos);
}

TYPED_TEST_P(LauncherContract, FailsWhenTheContainerIsNotWarmInTime) {
  EXPECT_FALSE(this->launch(this->subject.hangs()));
}

inline Task<void> launch_in_vain(Launcher& launcher, model::FunctionVersionPtr version) {
  (void)co_await launcher.launch(std::move(version));
}

TYPED_TEST_P(LauncherContract, KillsTheContainerWhenTheStartIsCancelled) {
  Loop& loop = this->subject.loop();
  auto scope = std::make_unique<Scope>(loop.executor(), "starts");
  auto version = this->subject.hangs_long();
  on(loop, [&] { scope->spawn(launch_in_vain(this->subject.launcher(), version)); });
  std::this_thread::sleep_for(20ms);
  wait_for(loop, scope->close());
}

REGISTER_TYPED_TEST_SUITE_P(
    LauncherContract, GivesEveryContainerItsOwnName, ReportsAKilledContainerAsSignalledToEveryoneWhoAsks,
    ReportsADrainedContainerAsFinished, FailsWithOneLineWhenTheContainerCanNotStart,
    FailsWhenTheContainerIsNotWarmInTime, KillsTheContainerWhenTheStartIsCancelled);

}  // namespace bimodal::scheduler
