#include "server/state_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace bimodal::server {
namespace {

namespace fs = std::filesystem;

class StateFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "bimodal-state-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
  }
  void TearDown() override { fs::remove_all(home_); }

  // True when `claim` holds in another process: a record lock never conflicts within one.
  static bool in_child(const std::function<bool()>& claim) {
    pid_t pid = ::fork();
    if (pid == 0) ::_exit(claim() ? 0 : 1);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  fs::path home_;
};

TEST_F(StateFiles, TheLockNamesItsHolderToASecondDaemon) {
  Result<HomeLock> lock = HomeLock::acquire(home_);
  ASSERT_TRUE(lock);
  std::string pid = std::to_string(::getpid());
  EXPECT_TRUE(in_child([&] {
    Result<HomeLock> second = HomeLock::acquire(home_);
    return !second && second.error().code == Code::AlreadyExists &&
           second.error().message.find(pid) != std::string::npos;
  }));
}

TEST_F(StateFiles, AHomeOfAnotherUserIsRefused) {
  if (::chown(home_.c_str(), 12345, 12345) != 0) GTEST_SKIP() << "only root can give a directory away";
  Result<void> made = make_home(home_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::PermissionDenied);
  EXPECT_NE(made.error().message.find("--home"), std::string::npos);
}

TEST_F(StateFiles, TheLockGoesWithItsHolder) {
  EXPECT_TRUE(in_child([&] { return HomeLock::acquire(home_).has_value(); }));
  EXPECT_FALSE(lock_holder(home_));
  EXPECT_TRUE(HomeLock::acquire(home_));
}

TEST_F(StateFiles, AForkedChildDoesNotHoldTheLock) {
  int hold[2];
  ASSERT_EQ(::pipe(hold), 0);
  pid_t daemon = ::fork();
  if (daemon == 0) {
    Result<HomeLock> lock = HomeLock::acquire(home_);
    pid_t launcher = ::fork();
    if (launcher != 0) ::_exit(lock ? 0 : 1);
    ::close(hold[1]);
    char byte;
    ::_exit(::read(hold[0], &byte, 1) >= 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(daemon, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(lock_holder(home_));
  ::close(hold[0]);
  ::close(hold[1]);
}

TEST_F(StateFiles, ADaemonThatDrainsIsKnownByItsGenerationUntilItEnds) {
  int ready[2], hold[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(hold), 0);
  pid_t daemon = ::fork();
  if (daemon == 0) {
    ::close(hold[1]);
    Result<RecordLock> mark = mark_draining(home_, 2);
    char byte = mark ? 1 : 0;
    std::ignore = ::write(ready[1], &byte, 1);
    ::_exit(static_cast<int>(::read(hold[0], &byte, 1)));
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 1);
  EXPECT_EQ(draining_generations(home_), std::vector<int>{2});
  ::close(hold[1]);
  ::waitpid(daemon, nullptr, 0);
  EXPECT_TRUE(draining_generations(home_).empty());
  for (int end : {ready[0], ready[1], hold[0]}) ::close(end);
}

TEST_F(StateFiles, AMissingHomeIsMadeClosedToOthers) {
  ASSERT_TRUE(HomeLock::acquire(home_ / "a" / "b"));
  struct stat found;
  ASSERT_EQ(::stat((home_ / "a" / "b").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
}

TEST_F(StateFiles, AHomeThatCannotBeMadeIsNamedWithARemedy) {
  Result<HomeLock> lock = HomeLock::acquire("/proc/nowhere");
  ASSERT_FALSE(lock);
  EXPECT_NE(lock.error().message.find("/proc/nowhere"), std::string::npos);
  EXPECT_NE(lock.error().message.find("--home"), std::string::npos);
}

TEST_F(StateFiles, DaemonInfoIsReadBackByOtherProcesses) {
  Result<HomeLock> lock = HomeLock::acquire(home_);
  ASSERT_TRUE(lock);
  DaemonInfo info{::getpid(), "1.2.3", "127.0.0.1:1", "127.0.0.1:2", "localhost", 1700000000.5, "127.0.0.1:3"};
  ASSERT_TRUE(write_daemon_info(home_, info));
  EXPECT_TRUE(in_child([&] {
    Result<DaemonInfo> read = read_daemon_info(home_);
    return read && read->pid == info.pid && read->version == "1.2.3" && read->api == "127.0.0.1:1" &&
           read->web == "127.0.0.1:2" && read->base_domain == "localhost" && read->started_at == 1700000000.5 &&
           read->admin == "127.0.0.1:3";
  }));
  remove_daemon_info(home_);
  EXPECT_TRUE(in_child([&] { return read_daemon_info(home_).error().code == Code::NotFound; }));
}

TEST_F(StateFiles, InfoLeftByAKilledDaemonDoesNotCount) {
  // As its pid may be in use again, the pid of the file must not be what counts.
  EXPECT_TRUE(in_child([&] {
    DaemonInfo info{1, "1", "a", "b", "c", 1};
    return HomeLock::acquire(home_) && write_daemon_info(home_, info);
  }));
  Result<DaemonInfo> read = read_daemon_info(home_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::NotFound);
}

TEST_F(StateFiles, TheTokenIsMadeOnceAndReadableByItsOwnerOnly) {
  EXPECT_EQ(load_token(home_).error().code, Code::NotFound);
  Result<Token> token = load_or_create_token(home_);
  ASSERT_TRUE(token);
  EXPECT_TRUE(token->id.starts_with("ak-"));
  EXPECT_TRUE(token->secret.starts_with("as-"));
  EXPECT_EQ(load_or_create_token(home_)->secret, token->secret);
  struct stat found;
  ASSERT_EQ(::stat((home_ / "keys" / "token.json").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

TEST_F(StateFiles, ADamagedTokenIsNotReplacedSilently) {
  ASSERT_TRUE(load_or_create_token(home_));
  ASSERT_EQ(::truncate((home_ / "keys" / "token.json").c_str(), 3), 0);
  EXPECT_EQ(load_or_create_token(home_).error().code, Code::DataLoss);
}

}  // namespace
}  // namespace bimodal::server
