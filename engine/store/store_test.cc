#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "store/app_table.h"
#include "store/database.h"
#include "store/deployment_table.h"
#include "store/environment_table.h"
#include "store/freeze.h"
#include "store/function_table.h"
#include "store/secret_table.h"

namespace bimodal::store {
namespace {

class StateTest : public testing::Test {
 protected:
  StateTest() {
    std::string pattern = testing::TempDir() + "bimodal-store-XXXXXX";
    home_ = ::mkdtemp(pattern.data());
    reopen();
  }
  ~StateTest() override {
    database_.reset();
    std::filesystem::remove_all(home_);
  }

  void reopen() {
    database_.reset();
    auto opened = Database::open(file());
    ASSERT_TRUE(opened) << opened.error().message;
    database_ = *std::move(opened);
  }

  std::filesystem::path file() const { return home_ / "state.db"; }

  // Runs `work` in a transaction that must succeed.
  template <typename F>
  auto must(F work) {
    auto result = database_->transact(work);
    if (!result) throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<typename decltype(result)::value_type>) return *std::move(result);
  }

  void insert_app(const std::string& app_id, const std::string& name) {
    must([&](Transaction& t) -> Result<void> {
      TRY(auto environment, EnvironmentTable(t).find("main"));
      if (!environment) TRY_VOID(EnvironmentTable(t).insert({"en-1", "main", "", true, 1}));
      return AppTable(t).insert({app_id, "en-1", "", name, name, AppState::Deployed, 0, 1, 1, 0});
    });
  }

  std::filesystem::path home_;
  std::unique_ptr<Database> database_;
};

TEST_F(StateTest, IsReadableByItsOwnerAlone) {
  struct stat info{};
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(StateTest, KeepsWhatWasCommittedWhenOpenedAgain) {
  insert_app("ap-1", "web");
  reopen();
  const auto app = must([](Transaction& t) { return AppTable(t).find("ap-1"); });
  ASSERT_TRUE(app);
  EXPECT_EQ(app->name, "web");
  EXPECT_EQ(app->environment, "main");
}

TEST_F(StateTest, RollsBackWhenTheWorkFails) {
  const auto failed = database_->transact([](Transaction& t) -> Result<void> {
    TRY_VOID(EnvironmentTable(t).insert({"en-1", "main", "", true, 1}));
    return error(Code::InvalidArgument, "no");
  });
  EXPECT_EQ(failed.error().code, Code::InvalidArgument);
  EXPECT_TRUE(must([](Transaction& t) { return EnvironmentTable(t).list(); }).empty());
}

TEST_F(StateTest, RollsBackWhenTheWorkThrows) {
  const auto throwing = [](Transaction& t) -> Result<void> {
    TRY_VOID(EnvironmentTable(t).insert({"en-1", "main", "", true, 1}));
    throw std::runtime_error("bug");
  };
  EXPECT_THROW((void)database_->transact(throwing), std::runtime_error);
  EXPECT_TRUE(must([](Transaction& t) { return EnvironmentTable(t).list(); }).empty());
}

TEST_F(StateTest, WritesNothingWhileItIsFrozenAndLeavesTheFileToAnother) {
  insert_app("ap-1", "web");
  ASSERT_TRUE(freeze(*database_));
  const auto insert = [](Transaction& t) { return EnvironmentTable(t).insert({"en-2", "other", "two", false, 1}); };
  EXPECT_EQ(database_->transact(insert).error().code, Code::Unavailable);
  EXPECT_TRUE(must([](Transaction& t) { return AppTable(t).find("ap-1"); }));
  auto another = *Database::open(file());
  ASSERT_TRUE(another->transact(insert));
  another.reset();
  ASSERT_TRUE(thaw(*database_));
  EXPECT_EQ(must([](Transaction& t) { return EnvironmentTable(t).list(); }).size(), 2u);
}

TEST_F(StateTest, RefusesADatabaseOfANewerRelease) {
  must([](Transaction& t) { return t.run("PRAGMA user_version=99"); });
  database_.reset();
  const auto opened = Database::open(file());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::FailedPrecondition);
}

TEST_F(StateTest, RefusesAFileThatIsNoDatabase) {
  database_.reset();
  std::filesystem::remove(home_ / "state.db-wal");
  std::ofstream(file()) << std::string(4096, 'x');
  const auto opened = Database::open(file());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::DataLoss);
}

TEST_F(StateTest, SaysThatTheDiskIsFull) {
  must([](Transaction& t) { return t.query("PRAGMA max_page_count=40", {}, [](const Row&) {}).map([] { return 0; }); });
  const auto full = database_->transact([](Transaction& t) -> Result<void> {
    return EnvironmentTable(t).insert({"en-1", std::string(1 << 20, 'x'), "", true, 1});
  });
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::ResourceExhausted);
  EXPECT_NE(full.error().message.find("free some space"), std::string::npos);
  insert_app("ap-1", "small still fits");
}

TEST_F(StateTest, RunsTransactionsOfManyThreadsOneAtATime) {
  insert_app("ap-1", "web");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int n = 0; n < 25; ++n) {
        must([](Transaction& t) -> Result<void> {
          TRY(auto app, AppTable(t).find("ap-1"));
          ++app->version;
          return AppTable(t).update(*app);
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(must([](Transaction& t) { return AppTable(t).find("ap-1"); })->version, 100);
}

TEST_F(StateTest, GivesADeployedNameToOneRunningAppAtATime) {
  insert_app("ap-1", "web");
  EXPECT_THROW(insert_app("ap-2", "web"), std::runtime_error);
  must([](Transaction& t) -> Result<void> {
    TRY(auto app, AppTable(t).find("ap-1"));
    app->state = AppState::Stopped;
    app->stopped_at = 5;
    return AppTable(t).update(*app);
  });
  insert_app("ap-2", "web");
  const auto running = must([](Transaction& t) { return AppTable(t).find_deployed("en-1", "web"); });
  const auto stopped = must([](Transaction& t) { return AppTable(t).find_stopped("en-1", "web"); });
  EXPECT_EQ(running->app_id, "ap-2");
  EXPECT_EQ(stopped->app_id, "ap-1");
}

TEST_F(StateTest, KeepsTheDefinitionIdOfUnchangedContent) {
  insert_app("ap-1", "web");
  must([](Transaction& t) { return FunctionTable(t).insert({"fu-1", "ap-1", "hello", ""}); });
  const auto stage = [&](const std::string& id, const std::string& hash) {
    return must([&](Transaction& t) { return DefinitionTable(t).stage({id, "fu-1", hash, "f", 1}); });
  };
  EXPECT_EQ(stage("de-1", "a"), "de-1");
  EXPECT_EQ(stage("de-2", "a"), "de-1");
  EXPECT_EQ(stage("de-3", "b"), "de-3");
}

TEST_F(StateTest, RemovesOnlyDefinitionsThatNoVersionHolds) {
  insert_app("ap-1", "web");
  must([](Transaction& t) -> Result<void> {
    TRY_VOID(FunctionTable(t).insert({"fu-1", "ap-1", "hello", ""}));
    TRY_VOID(DefinitionTable(t).stage({"de-1", "fu-1", "a", "f", 1}));
    TRY_VOID(DefinitionTable(t).stage({"de-2", "fu-1", "b", "f", 1}));
    TRY_VOID(DeploymentTable(t).insert({"ap-1", 1, 1, "", "", "", ""}, {{"hello", "fu-1", "de-1"}}));
    return DefinitionTable(t).remove_unused("ap-1", 2);
  });
  EXPECT_TRUE(must([](Transaction& t) { return DefinitionTable(t).find("de-1"); }));
  EXPECT_FALSE(must([](Transaction& t) { return DefinitionTable(t).find("de-2"); }));
}

TEST_F(StateTest, DeletesAnEnvironmentWithEverythingInIt) {
  insert_app("ap-1", "web");
  auto box = SecretBox::open(home_ / "keys" / "secrets.key");
  must([&](Transaction& t) -> Result<void> {
    TRY_VOID(FunctionTable(t).insert({"fu-1", "ap-1", "hello", ""}));
    TRY_VOID(DefinitionTable(t).stage({"de-1", "fu-1", "a", "f", 1}));
    TRY_VOID(DeploymentTable(t).insert({"ap-1", 1, 1, "", "", "", ""}, {{"hello", "fu-1", "de-1"}}));
    TRY_VOID(SecretTable(t, *box).insert({"st-1", "en-1", "", "ap-1", {}, "", 1, 0}, {{"A", "1"}}));
    return EnvironmentTable(t).remove("en-1");
  });
  EXPECT_FALSE(must([](Transaction& t) { return AppTable(t).find("ap-1"); }));
}

class SecretTest : public StateTest {
 protected:
  SecretTest() : box_(*SecretBox::open(home_ / "keys" / "secrets.key")) { insert_app("ap-1", "web"); }
  SecretBox box_;
};

TEST_F(SecretTest, MakesItsKeyReadableByItsOwnerAlone) {
  struct stat info{};
  ASSERT_EQ(::stat((home_ / "keys" / "secrets.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SecretTest, StoresNoValueInClear) {
  must([&](Transaction& t) {
    return SecretTable(t, box_).insert(
        {"st-1", "en-1", "db", "", {}, "", 1, 0}, {{"PASSWORD", "correct horse battery"}});
  });
  database_.reset();
  for (const auto& entry : std::filesystem::directory_iterator(home_)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(content.find("correct horse"), std::string::npos) << entry.path();
  }
}

TEST_F(SecretTest, GivesBackWhatWasStored) {
  const Variables stored = {{"A", "1"}, {"EMPTY", ""}, {"LINES", "a\nb=c"}};
  must([&](Transaction& t) { return SecretTable(t, box_).insert({"st-1", "en-1", "db", "", {}, "", 1, 0}, stored); });
  const auto reopened = SecretBox::open(home_ / "keys" / "secrets.key");
  EXPECT_EQ(must([&](Transaction& t) { return SecretTable(t, *reopened).variables("st-1"); }), stored);
  const auto row = must([&](Transaction& t) { return SecretTable(t, box_).find_named("en-1", "db"); });
  EXPECT_EQ(row->keys, (std::vector<std::string>{"A", "EMPTY", "LINES"}));
}

TEST_F(SecretTest, FindsAnAnonymousSecretByItsContent) {
  must([&](Transaction& t) {
    return SecretTable(t, box_).insert({"st-1", "en-1", "", "ap-1", {}, "", 1, 0}, {{"A", "1"}});
  });
  const auto same =
      must([&](Transaction& t) { return SecretTable(t, box_).find_anonymous("en-1", "ap-1", {{"A", "1"}}); });
  const auto other =
      must([&](Transaction& t) { return SecretTable(t, box_).find_anonymous("en-1", "ap-1", {{"A", "2"}}); });
  EXPECT_TRUE(same);
  EXPECT_FALSE(other);
}

TEST_F(SecretTest, OpensOnlyForItsOwnerAndOnlyUntouched) {
  const std::string sealed = *box_.seal({{"A", "1"}}, "st-1");
  EXPECT_TRUE(box_.open_sealed(sealed, "st-1"));
  EXPECT_EQ(box_.open_sealed(sealed, "st-2").error().code, Code::DataLoss);
  std::string changed = sealed;
  changed[14] ^= 1;
  EXPECT_FALSE(box_.open_sealed(changed, "st-1"));
  EXPECT_FALSE(box_.open_sealed("short", "st-1"));
}

TEST_F(SecretTest, RefusesNamesThatNoEnvironmentCanHold) {
  EXPECT_FALSE(box_.seal({{"A=B", "1"}}, "st-1"));
  EXPECT_FALSE(box_.seal({{"", "1"}}, "st-1"));
  EXPECT_FALSE(box_.seal({{"A", std::string("a\0b", 3)}}, "st-1"));
}

}  // namespace
}  // namespace bimodal::store
