// When the slots ask for another decision of the autoscaler: each costs the control loop a turn.
#include "scheduler/slots.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <limits>

#include "async/scope.h"
#include "scheduler/fake_launcher.h"

namespace bimodal::scheduler {
namespace {

using namespace std::chrono_literals;

class SlotsTest : public testing::Test {
 protected:
  ~SlotsTest() override {
    slots_->close({Code::Unavailable, "the test ends"});
    settle();
  }

  void enqueue(int requests) {
    for (int i = 0; i < requests; ++i) waits_.spawn(wait(slots_));
    settle();
  }
  void settle() {
    context_.restart();
    context_.poll();
  }
  // How often they have asked since the last call.
  int asked() { return std::exchange(asked_, 0); }
  void decide(int enough_for) {
    slots_->begin_decision();
    slots_->apply(enough_for, enough_for);
  }

  static Task<void> wait(std::shared_ptr<Slots> slots) {
    auto taken = co_await slots->take(Deadline::never(), QueueEnd::Back);
    if (taken) slots->give_back(*taken);
  }

  boost::asio::io_context context_;
  Scope waits_{context_.get_executor(), "requests"};
  int asked_ = 0;
  std::shared_ptr<Slots> slots_ = std::make_shared<Slots>("f", Slots::Limits{}, [this] { ++asked_; });
};

TEST_F(SlotsTest, RequestsThatWaitAskOnlyWhenTheyAreMoreThanTheLastDecisionIsEnoughFor) {
  enqueue(1);
  EXPECT_EQ(asked(), 1);
  enqueue(1);
  EXPECT_EQ(asked(), 0) << "the decision is still to come";
  decide(4);
  enqueue(2);
  EXPECT_EQ(asked(), 0);
  enqueue(1);
  EXPECT_EQ(asked(), 1);
  decide(std::numeric_limits<int>::max());  // as many containers as there may be
  enqueue(100);
  EXPECT_EQ(asked(), 0);
}

TEST_F(SlotsTest, ARequestThatComesDuringADecisionAsksForTheNext) {
  decide(std::numeric_limits<int>::max());
  slots_->begin_decision();
  enqueue(1);
  EXPECT_EQ(asked(), 1);
}

// Its slots were part of what the last decision is enough for.
TEST_F(SlotsTest, ARequestBehindARetiredContainerAsks) {
  auto alive = std::make_shared<std::atomic<int>>(0);
  auto added = slots_->add(std::make_shared<FakeContainer>(context_.get_executor(), "", alive));
  auto taken = slots_->try_take();
  ASSERT_TRUE(taken);
  EXPECT_EQ(asked(), 1);
  decide(std::numeric_limits<int>::max());
  slots_->retire(taken);
  EXPECT_EQ(asked(), 0);
  enqueue(1);
  EXPECT_EQ(asked(), 1);
  slots_->give_back(taken);
  slots_->remove(added);
}

}  // namespace
}  // namespace bimodal::scheduler
