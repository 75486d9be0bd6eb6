#include "control/app_logs.h"

#include <gtest/gtest.h>

#include <future>

#include "control/clock.h"
#include "control/service_fixture.h"
#include "store/environment_table.h"

namespace bimodal::control {
namespace {

using store::AppState;

class AppLogsTest : public ServiceTest {
 protected:
  AppLogsTest() {
    auto inserted = transact([](store::Transaction& transaction) -> Result<void> {
      TRY_VOID(store::EnvironmentTable(transaction).insert({"en-1", "main", "", true, 1}));
      TRY_VOID(store::AppTable(transaction).insert(app("ap-live", AppState::Ephemeral)));
      return store::AppTable(transaction).insert(app("ap-deployed", AppState::Deployed));
    });
    EXPECT_TRUE(inserted) << inserted.error().message;
    app_logs_ = std::make_unique<AppLogs>(context_, registry_, service_);
  }
  ~AppLogsTest() override {
    loop_.run_blocking(app_logs_->close());
    app_logs_.reset();
  }

  static store::App app(const std::string& app_id, AppState state) {
    return {app_id, "en-1", "main", "demo", "", state, 1, 1, 1, 0};
  }
  void set_state(const std::string& app_id, AppState state) {
    ASSERT_TRUE(transact([&](store::Transaction& transaction) {
      store::App changed = app(app_id, state);
      changed.stopped_at = unix_now();
      return store::AppTable(transaction).update(changed);
    }));
    loop_.post([this] { registry_.changed().notify_all(); });
  }
  void say(const std::string& app_id, const std::string& text, model::LogStream stream = model::LogStream::Stdout) {
    model::LogEntry entry;
    entry.app_id = app_id;
    entry.task_id = "ta-1";
    entry.function_id = "fu-1";
    entry.stream = stream;
    entry.text = text;
    entry.at = std::chrono::system_clock::now();
    logs_.append(std::move(entry));
  }
  std::vector<api::TaskLogsBatch> get(const std::string& app_id, float timeout, const std::string& cursor = "") {
    api::AppGetLogsRequest request;
    request.set_app_id(app_id);
    request.set_timeout(timeout);
    request.set_last_entry_id(cursor);
    std::vector<api::TaskLogsBatch> batches;
    EXPECT_TRUE(stream("AppGetLogs", request, batches));
    return batches;
  }
  static std::string text_of(const std::vector<api::TaskLogsBatch>& batches) {
    std::string text;
    for (const auto& batch : batches) {
      for (const auto& item : batch.items()) text += item.data();
    }
    return text;
  }

  Registry registry_{loop_.executor()};
  std::unique_ptr<AppLogs> app_logs_;
};

TEST_F(AppLogsTest, HoldTheStreamAndDeliverWhatIsSaidMeanwhile) {
  say("ap-live", "early\n");
  auto stream = std::async(std::launch::async, [&] { return get("ap-live", 10); });
  say("ap-live", "later\n");
  set_state("ap-live", AppState::Stopped);
  auto batches = stream.get();
  EXPECT_EQ(text_of(batches), "early\nlater\n");
  EXPECT_TRUE(batches.back().app_done());
}

TEST_F(AppLogsTest, EndQuietlyAtTheTimeoutWhileTheAppLives) {
  auto batches = get("ap-live", 0.05f);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_FALSE(batches.back().app_done());
}

TEST_F(AppLogsTest, GoOnBehindTheCursorAfterAReconnect) {
  say("ap-live", "one\n");
  auto first = get("ap-live", 0);
  say("ap-live", "two\n");
  EXPECT_EQ(text_of(get("ap-live", 0, first.back().entry_id())), "two\n");
}

TEST_F(AppLogsTest, OfADeployedAppBeginWithWhatComesNext) {
  say("ap-deployed", "last year\n");
  auto first = get("ap-deployed", 0.01f);
  EXPECT_EQ(text_of(first), "");
  say("ap-deployed", "now\n");
  EXPECT_EQ(text_of(get("ap-deployed", 0.01f, first.back().entry_id())), "now\n");
}

TEST_F(AppLogsTest, OfAnUnknownAppAreNotFound) {
  api::AppGetLogsRequest request;
  request.set_app_id("ap-none");
  std::vector<api::TaskLogsBatch> batches;
  EXPECT_EQ(stream("AppGetLogs", request, batches).error().code, Code::NotFound);
}

TEST_F(AppLogsTest, RefuseAFilterThatTheyWouldIgnore) {
  api::AppFetchLogsRequest request;
  request.set_app_id("ap-live");
  request.set_sandbox_id("sb-1");
  EXPECT_EQ(call<api::AppFetchLogsResponse>("AppFetchLogs", request).error().code, Code::InvalidArgument);
}

TEST_F(AppLogsTest, FetchTheNewestInAWindowAndCountThem) {
  for (int i = 0; i < 10; ++i) say("ap-live", std::to_string(i) + "\n");
  say("ap-live", "problem\n", model::LogStream::Stderr);
  api::AppFetchLogsRequest fetch;
  fetch.set_app_id("ap-live");
  fetch.mutable_since()->set_seconds(static_cast<std::int64_t>(unix_now()) - 60);
  fetch.set_limit(3);
  auto fetched = call<api::AppFetchLogsResponse>("AppFetchLogs", fetch);
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(text_of({fetched->batches().begin(), fetched->batches().end()}), "8\n9\nproblem\n");
  fetch.set_source(api::FILE_DESCRIPTOR_STDERR);
  fetched = call<api::AppFetchLogsResponse>("AppFetchLogs", fetch);
  EXPECT_EQ(text_of({fetched->batches().begin(), fetched->batches().end()}), "problem\n");

  api::AppCountLogsRequest count;
  count.set_app_id("ap-live");
  count.set_bucket_secs(86400);
  auto counted = call<api::AppCountLogsResponse>("AppCountLogs", count);
  ASSERT_TRUE(counted);
  std::uint64_t total = 0;
  for (const auto& bucket : counted->buckets()) total += bucket.stdout_logs();
  EXPECT_EQ(total, 10u);
}

}  // namespace
}  // namespace bimodal::control
