#include "calls/calls.h"

#include "calls/calls_fixture.h"

namespace bimodal::calls {
namespace {

TEST_F(CallsTest, EndsAnInputByItsContainersOutput) {
  start();
  const std::string call = call_with(1, api::FUNCTION_CALL_TYPE_UNARY);
  auto input = take();
  EXPECT_EQ(input->arguments, "0");
  EXPECT_EQ(input->call_id, call);
  answer(input, GenericResult::GENERIC_STATUS_SUCCESS, "forty-two");
  auto output = output_of(call);
  EXPECT_EQ(output.result().data(), "forty-two");
  EXPECT_EQ(output.input_id(), input->input_id);
}

TEST_F(CallsTest, GivesOutputsInTheOrderOfTheirEndsAndEachOnce) {
  start();
  const std::string call = call_with(3);
  std::map<int, runtime::PlainInputPtr> inputs;
  for (int i = 0; i < 3; ++i) {
    auto input = take();
    inputs[input->place] = input;
  }
  answer(inputs[2], GenericResult::GENERIC_STATUS_SUCCESS);
  auto first = outputs(call, {});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->items.size(), 1u);
  EXPECT_EQ(first->unfinished, 2);
  answer(inputs[0], GenericResult::GENERIC_STATUS_SUCCESS);
  answer(inputs[1], GenericResult::GENERIC_STATUS_SUCCESS);
  auto rest = outputs(call, {.places = {}, .after_entry = first->last_entry});
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->items.size(), 2u);
  EXPECT_EQ(rest->last_entry, 3);
}

TEST_F(CallsTest, AnswersEmptyHandedAtTheDeadline) {
  start();
  const std::string call = call_with(1);
  auto none = outputs(call, {.places = {{0, 0}}}, Deadline::after(1ms));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->items.empty());
  EXPECT_EQ(none->unfinished, 1);
}

TEST_F(CallsTest, RunsAFailedInputAgainAsItsPolicySays) {
  version_.retries.retries = 2;
  start();
  const std::string call = call_with(1);
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto input = take();
    EXPECT_EQ(input->attempts, attempt);
    answer(input, GenericResult::GENERIC_STATUS_FAILURE, std::to_string(attempt));
  }
  EXPECT_EQ(output_of(call).result().data(), "2");
  EXPECT_EQ(output_of(call).retry_count(), 2u);
}

TEST_F(CallsTest, RunsAnInputAgainWhoseContainerEnded) {
  start();
  const std::string call = call_with(1);
  auto lost = take();
  crash(lost);
  auto again = take();
  EXPECT_EQ(again->input_id, lost->input_id);
  answer(lost, GenericResult::GENERIC_STATUS_SUCCESS, "from the grave");  // nobody has that attempt any more
  answer(again, GenericResult::GENERIC_STATUS_SUCCESS, "well");
  EXPECT_EQ(output_of(call).result().data(), "well");
}

TEST_F(CallsTest, GivesUpAnInputThatEndsContainerAfterContainer) {
  start();
  const std::string call = call_with(1);
  for (int i = 0; i < 4; ++i) crash(take());
  auto output = output_of(call);
  EXPECT_EQ(output.result().status(), GenericResult::GENERIC_STATUS_INTERNAL_FAILURE);
  EXPECT_NE(output.result().exception().find("killed by 9"), std::string::npos) << output.result().exception();
}

TEST_F(CallsTest, FailsWaitingInputsWhoseContainerCannotStart) {
  launcher_.failure = "ModuleNotFoundError: No module named 'x'";
  start();
  auto output = output_of(call_with(1));
  EXPECT_EQ(output.result().status(), GenericResult::GENERIC_STATUS_INIT_FAILURE);
  EXPECT_NE(output.result().exception().find("No module named 'x'"), std::string::npos);
}

TEST_F(CallsTest, TellsWaitingInputsWhyThereIsNoPoolForThem) {
  struct Refusing : scheduler::PoolSource {
    Result<std::shared_ptr<scheduler::Pool>> pool() override { return error(Code::ResourceExhausted, "too many sets"); }
  };
  no_pool_ = std::make_shared<Refusing>();
  start();
  auto output = output_of(call_with(1));
  EXPECT_EQ(output.result().status(), GenericResult::GENERIC_STATUS_FAILURE);
  EXPECT_EQ(output.result().exception(), "too many sets");
}

TEST_F(CallsTest, TellsTheContainerOfATimeoutAndTheCallerAtOnce) {
  version_.timeout = 20ms;
  start();
  const std::string call = call_with(1);
  auto input = take();
  auto output = output_of(call);
  EXPECT_EQ(output.result().status(), GenericResult::GENERIC_STATUS_TIMEOUT);
  auto cancelled = scheduler::on(loop_, [&] { return session(holders_[input])->cancelled; });
  EXPECT_EQ(cancelled, std::vector{input->input_id});
}

TEST_F(CallsTest, CancelEndsWaitingAndRunningInputs) {
  version_.scaling.max_containers = 1;
  start();
  const std::string call = call_with(2);
  auto running = take();
  ASSERT_TRUE(scheduler::get(scheduler::start(loop_, calls_->cancel(call, false))));
  for (int place : {0, 1}) {
    EXPECT_EQ(output_of(call, place).result().status(), GenericResult::GENERIC_STATUS_TERMINATED);
  }
  answer(running, GenericResult::GENERIC_STATUS_TERMINATED);  // gives the slot back
  call_with(1);
  answer(take(), GenericResult::GENERIC_STATUS_SUCCESS);
}

TEST_F(CallsTest, AFollowerOfALongCallIsToldEveryTwentyMillisecondsAtMost) {
  start();
  const std::string call = call_with(3);
  answer(take(), GenericResult::GENERIC_STATUS_SUCCESS);
  ASSERT_EQ(outputs(call, {.places = {}, .after_entry = 0})->items.size(), 1u);
  const auto told = Deadline::Clock::now();
  answer(take(), GenericResult::GENERIC_STATUS_SUCCESS);
  ASSERT_EQ(outputs(call, {.places = {}, .after_entry = 1})->items.size(), 1u);
  EXPECT_GE(Deadline::Clock::now() - told, 15ms);
  answer(take(), GenericResult::GENERIC_STATUS_SUCCESS);
  EXPECT_EQ(outputs(call, {.places = {}, .after_entry = 2})->items.size(), 1u);
}

TEST_F(CallsTest, TheFailureOfAGeneratorIsToldAfterItsItems) {
  start();
  const std::string call = call_with(1, api::FUNCTION_CALL_TYPE_UNARY);
  auto input = take();
  Chunks::Chunk item;
  item.set_index(1);
  item.set_data("first");
  ASSERT_TRUE(scheduler::get(scheduler::start(loop_, calls_->put_chunks(holders_[input], call, {item}))));
  answer(input, GenericResult::GENERIC_STATUS_FAILURE);
  auto told = scheduler::start(loop_, calls_->outputs(call, {.places = {{0, 0}}}, Deadline::after(20s)));
  EXPECT_EQ(told.wait_for(20ms), std::future_status::timeout);
  EXPECT_EQ((*scheduler::get(scheduler::start(loop_, calls_->next_chunk(call, 0))))->data(), "first");
  auto next = scheduler::start(loop_, calls_->next_chunk(call, 1));
  EXPECT_EQ(scheduler::get(std::move(told))->items.size(), 1u);
}

TEST_F(CallsTest, TheEndOfAnAppCancelsItsCallsAndNoOthers) {
  start();
  const std::string call = call_with(2);
  auto running = take();
  auto done = scheduler::start(loop_, calls_->wait_done("ap-1"));
  ASSERT_TRUE(scheduler::get(scheduler::start(loop_, calls_->cancel_app("ap-2"))));
  EXPECT_FALSE(scheduler::on(loop_, [&] { return session(holders_[running])->cancelled; }).size());
  ASSERT_TRUE(scheduler::get(scheduler::start(loop_, calls_->cancel_app("ap-1"))));
  EXPECT_EQ(output_of(call, running->place).result().exception(), "Input was cancelled: its app was stopped");
  EXPECT_EQ(output_of(call, 1 - running->place).result().status(), GenericResult::GENERIC_STATUS_TERMINATED);
  EXPECT_EQ(
      scheduler::on(loop_, [&] { return session(holders_[running])->cancelled; }), std::vector{running->input_id});
  EXPECT_TRUE(scheduler::get(std::move(done)));
}

TEST_F(CallsTest, GoesOnAfterARestartWithWhatHadNotEnded) {
  version_.scaling.max_containers = 1;
  start();
  const std::string call = call_with(3);
  auto done = take();
  answer(done, GenericResult::GENERIC_STATUS_SUCCESS, "before");
  EXPECT_EQ(output_of(call, done->place).result().data(), "before");
  take();
  stop();
  sessions_.clear();
  scheduler::on(loop_, [&] {
    for (const auto& container : launcher_.containers()) container->kill();
    return true;
  });
  start();
  for (int i = 0; i < 2; ++i) {
    auto input = take();
    EXPECT_NE(input->place, done->place);
    answer(input, GenericResult::GENERIC_STATUS_SUCCESS, "after");
  }
  EXPECT_EQ(outputs(call, {.places = {{0, 2}}})->items.size(), 3u);
  EXPECT_EQ(output_of(call, done->place).result().data(), "before");
}

TEST_F(CallsTest, KnowsACallByItsRequestAfterARestart) {
  start();
  store::Call row{.function_id = "fu-1", .app_id = "ap-1", .request_key = "key"};
  auto begun = scheduler::get(scheduler::start(loop_, calls_->begin(row, {{0, "0"}})));
  ASSERT_TRUE(begun);
  const std::string call = (*begun)->id();
  begun = tl::unexpected<Error>(Error{});
  EXPECT_FALSE(scheduler::on(loop_, [&] { return calls_->made_before("key"); })) << "this daemon answers by itself";
  stop();
  start();
  EXPECT_EQ(scheduler::on(loop_, [&] { return calls_->made_before("key"); }), call);
  EXPECT_FALSE(scheduler::on(loop_, [&] { return calls_->made_before(""); }));
}

TEST_F(CallsTest, GivesEachSingleUseContainerOneInput) {
  version_.single_use = true;
  version_.scaling.max_containers = 1;
  start();
  call_with(2);
  auto first = take();
  answer(first, GenericResult::GENERIC_STATUS_SUCCESS);
  auto second = take();
  EXPECT_NE(holders_.at(first), holders_.at(second));
}

TEST_F(CallsTest, AnInputThatIsPutTwiceIsOneInput) {
  start();
  const std::string call = call_with(1);
  std::vector<NewInput> same;
  same.push_back({0, "0"});
  auto added = scheduler::get(scheduler::start(loop_, calls_->add(call, std::move(same))));
  ASSERT_TRUE(added);
  EXPECT_EQ(added->front()->input_id, take()->input_id);
}

TEST_F(CallsTest, RefusesMoreInputsThanMayWait) {
  limits_.max_pending = 2;
  start();
  call_with(2);
  auto more = scheduler::get(scheduler::start(loop_, calls_->begin({.function_id = "fu-1"}, {{0, "0"}})));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::ResourceExhausted);
}

TEST_F(CallsTest, KeepsLargePayloadsOnDiskOnly) {
  limits_.memory = 0;
  version_.scaling.max_containers = 1;
  start();
  call_with(1);
  auto first = take();  // the other one waits
  store::Call row{.function_id = "fu-1", .app_id = "ap-1", .expected = 1};
  row.invocation = api::FUNCTION_CALL_INVOCATION_TYPE_ASYNC;
  auto begun = scheduler::get(scheduler::start(loop_, calls_->begin(row, {{0, std::string(100'000, 'x')}})));
  ASSERT_TRUE(begun);
  EXPECT_FALSE(scheduler::on(loop_, [&] { return (*begun)->inputs[0].arguments.bytes; }));
  answer(first, GenericResult::GENERIC_STATUS_SUCCESS);
  EXPECT_EQ(take()->arguments.size(), 100'000u);
}

TEST_F(CallsTest, AppsThatStopTakeTheirInputsAlong) {
  version_.scaling.max_containers = 1;
  start();
  const std::string call = call_with(2);
  take();
  scheduler::wait_for(loop_, functions_.stop("ap-1"));
  for (int place : {0, 1}) {
    EXPECT_EQ(output_of(call, place).result().status(), GenericResult::GENERIC_STATUS_TERMINATED);
  }
}

TEST(PayloadBudget, DropsWhatIsStoredWhenThereIsTooMuch) {
  PayloadBudget budget(5000);
  Payload first{budget.keep(std::string(4000, 'a'))}, second{budget.keep(std::string(4000, 'b'))};
  budget.stored(first);
  budget.stored(second);
  EXPECT_FALSE(first.bytes);
  EXPECT_TRUE(second.bytes);
}

}  // namespace
}  // namespace bimodal::calls
