// For tests: calls of one function whose containers are lines in a list, and whose sessions the test plays.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "calls/calls.h"
#include "scheduler/test_support.h"

namespace bimodal::calls {

using namespace std::chrono_literals;
using api::GenericResult;

class FakeSession : public runtime::Session {
 public:
  FakeSession(std::string task_id, model::FunctionVersionPtr version)
      : task_id_(std::move(task_id)), version_(std::move(version)) {}

  std::vector<runtime::PlainInputPtr> given;  // all of them count as fetched at once
  std::vector<std::string> cancelled;

  const std::string& task_id() const override { return task_id_; }
  const model::FunctionVersion& version() const override { return *version_; }
  void hello() override {}
  void heartbeat() override {}
  Task<runtime::Order> next_order(Deadline, runtime::Batch) override { co_return runtime::Order{}; }
  void give(runtime::PlainInputPtr input) override {
    input->is_fetched = true;
    given.push_back(std::move(input));
  }
  bool cancel(const std::string& input_id) override {
    cancelled.push_back(input_id);
    return true;
  }
  bool end_plain(const std::string&) override { return true; }
  void output(std::string, std::string) override {}
  std::shared_ptr<runtime::WebRequest> web_request(const std::string&) const override { return nullptr; }
  Task<std::vector<std::string>> cancelled_inputs(Deadline) override { co_return std::vector<std::string>(); }
  void start_failed(runtime::StartFailure) override {}
  void server_entered() override {}
  void stop_fetching() override {}
  Task<Result<void>> commit_volume(std::string) override { co_return error(Code::FailedPrecondition, "no volumes"); }
  Task<Result<void>> reload_volume(std::string) override { co_return error(Code::FailedPrecondition, "no volumes"); }

 private:
  const std::string task_id_;
  const model::FunctionVersionPtr version_;
};

class CallsTest : public testing::Test {
 protected:
  CallsTest() : home_(std::filesystem::temp_directory_path() / ("bimodal-calls-" + random_text(12))) {
    std::filesystem::create_directories(home_);
    database_ = *store::Database::open(home_ / "state.db");
    version_.function_id = "fu-1";
    version_.definition_id = "de-1";
    version_.app_id = "ap-1";
    version_.has_plain_methods = true;
    version_.retries.initial_delay = 1ms;
    loop_.start();
  }
  ~CallsTest() override {
    if (calls_) stop();
    scheduler::wait_for(loop_, functions_.close(Deadline::after(0s)));
    std::filesystem::remove_all(home_);
  }

  // Publishes the function as `version_` has it, and begins.
  void start() {
    published_ = std::make_shared<const model::FunctionVersion>(version_);
    scheduler::on(loop_, [this] {
      functions_.publish("ap-1", {published_}, scheduler::Switch::AtOnce);
      return true;
    });
    auto sessions = [this](const std::string& task_id) { return session(task_id); };
    auto sources = [this](const std::string& id) -> std::shared_ptr<scheduler::PoolSource> {
      return no_pool_ ? no_pool_ : functions_.find(id);
    };
    calls_ = std::make_unique<Calls>(loop_.executor(), pool_, *database_, functions_, sessions, sources, limits_);
    ASSERT_TRUE(scheduler::get(scheduler::start(loop_, calls_->recover())));
  }
  void stop() {
    scheduler::wait_for(loop_, calls_->close());
    calls_ = nullptr;
  }

  // A call with inputs that carry their own number.
  std::string call_with(int inputs, int kind = api::FUNCTION_CALL_TYPE_MAP) {
    store::Call row{.function_id = "fu-1", .app_id = "ap-1", .kind = kind};
    row.invocation = api::FUNCTION_CALL_INVOCATION_TYPE_ASYNC;
    row.expected = inputs;
    std::vector<NewInput> all;
    for (int i = 0; i < inputs; ++i) all.push_back({i, std::to_string(i)});
    auto begun = scheduler::get(scheduler::start(loop_, calls_->begin(std::move(row), std::move(all))));
    EXPECT_TRUE(begun) << begun.error().message;
    return begun ? (*begun)->id() : "";
  }

  // The next input that a container has and that the test has not answered.
  runtime::PlainInputPtr take() {
    runtime::PlainInputPtr taken;
    EXPECT_TRUE(scheduler::until([&] {
      taken = scheduler::on(loop_, [this] { return find_given(); });
      return taken != nullptr;
    }));
    return taken;
  }

  void answer(const runtime::PlainInputPtr& input, Status status, const std::string& data = "") {
    scheduler::on(loop_, [&] {
      api::FunctionPutOutputsItem item;
      item.set_input_id(input->input_id);
      item.mutable_result()->set_status(status);
      item.mutable_result()->set_data(data);
      calls_->put_output(holders_.at(input), std::move(item));
      return true;
    });
  }

  // The container that has it ends by itself.
  void crash(const runtime::PlainInputPtr& input) {
    scheduler::on(loop_, [&] {
      for (const auto& container : launcher_.containers()) {
        if (container->task_id() == holders_.at(input)) container->end(scheduler::ExitKind::Signalled, "killed by 9");
      }
      return true;
    });
  }

  Result<Outputs> outputs(const std::string& call_id, Wanted wanted, Deadline deadline = Deadline::after(20s)) {
    return scheduler::get(scheduler::start(loop_, calls_->outputs(call_id, wanted, deadline)));
  }
  // The one output of a call's input.
  api::FunctionGetOutputsItem output_of(const std::string& call_id, int place = 0) {
    api::FunctionGetOutputsItem item;
    auto found = outputs(call_id, {.places = {{place, place}}});
    EXPECT_TRUE(found && found->items.size() == 1 && item.ParseFromString(found->items[0]));
    return item;
  }

  std::shared_ptr<FakeSession> session(const std::string& task_id) {
    auto& session = sessions_[task_id];
    if (!session) session = std::make_shared<FakeSession>(task_id, published_);
    return session;
  }

  std::filesystem::path home_;
  Loop loop_{"test"};
  BlockingPool pool_{2};
  std::unique_ptr<store::Database> database_;
  scheduler::FakeLauncher launcher_{loop_.executor()};
  scheduler::Functions functions_{launcher_, loop_.executor(), {.first_retry = 1ms, .last_retry = 1ms}};
  model::FunctionVersion version_;
  model::FunctionVersionPtr published_;
  Limits limits_;
  std::shared_ptr<scheduler::PoolSource> no_pool_;  // instead of the function's own
  std::map<std::string, std::shared_ptr<FakeSession>> sessions_;
  std::map<runtime::PlainInputPtr, std::string> holders_;  // task ids of taken inputs
  std::unique_ptr<Calls> calls_;

 private:
  runtime::PlainInputPtr find_given() {
    for (auto& [task_id, session] : sessions_) {
      if (session->given.empty()) continue;
      auto input = session->given.front();
      session->given.erase(session->given.begin());
      holders_[input] = task_id;
      return input;
    }
    return nullptr;
  }
};

}  // namespace bimodal::calls
