#include "store/logs.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/ids.h"

namespace bimodal::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono;

constexpr std::uint64_t kBytesPerApp = 1 << 20;

class LogsTest : public testing::Test {
 protected:
  LogsTest() : directory_(fs::temp_directory_path() / ("bimodal-logs-" + random_text(12))) {}
  ~LogsTest() override { fs::remove_all(directory_); }

  static model::LogEntry entry(const std::string& app_id, std::string text) {
    model::LogEntry entry;
    entry.app_id = app_id;
    entry.function_id = "fu-1";
    entry.task_id = "ta-1";
    entry.text = std::move(text);
    entry.at = system_clock::now();
    return entry;
  }
  std::uint64_t bytes_on_disk(const std::string& app_id) const {
    std::uint64_t total = 0;
    for (const auto& file : fs::directory_iterator(directory_ / app_id)) total += file.file_size();
    return total;
  }

  fs::path directory_;
};

TEST_F(LogsTest, ReturnsRecordsAfterACursorInOrder) {
  Logs logs(directory_, kBytesPerApp);
  for (int i = 1; i <= 5; ++i) logs.append(entry("ap-a", std::to_string(i) + "\n"));
  auto records = logs.after("ap-a", 2, 2, {});
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].sequence, 3u);
  EXPECT_EQ(records[0].entry.text, "3\n");
  EXPECT_EQ(records[1].sequence, 4u);
  EXPECT_TRUE(logs.after("ap-a", 5, 10, {}).empty());
  EXPECT_EQ(logs.last_sequence("ap-a"), 5u);
}

TEST_F(LogsTest, TellsTheLinesOfOneRequestFromAllOthers) {
  {
    Logs logs(directory_, kBytesPerApp);
    logs.append(entry("ap-a", "before\n"));
    auto said = entry("ap-a", "during\n");
    said.stream = model::LogStream::Stderr;
    said.input_id = "in-1";
    said.function_call_id = "fc-1";
    logs.append(said);
  }
  Logs logs(directory_, kBytesPerApp);
  LogFilter filter;
  filter.function_call_id = "fc-1";
  auto records = logs.tail("ap-a", 10, filter);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].entry.text, "during\n");
  EXPECT_EQ(records[0].entry.input_id, "in-1");
  EXPECT_EQ(records[0].entry.task_id, "ta-1");
  EXPECT_EQ(records[0].entry.stream, model::LogStream::Stderr);
  EXPECT_EQ(logs.tail("ap-a", 10, {}).front().entry.text, "before\n");
  filter.function_call_id = "fc-2";
  EXPECT_TRUE(logs.tail("ap-a", 10, filter).empty());
}

TEST_F(LogsTest, KeepsAppsApart) {
  Logs logs(directory_, kBytesPerApp);
  logs.append(entry("ap-a", "a"));
  logs.append(entry("ap-b", "b"));
  EXPECT_EQ(logs.tail("ap-b", 10, {}).front().entry.text, "b");
  EXPECT_EQ(logs.last_sequence("ap-b"), 1u);
  EXPECT_TRUE(logs.tail("ap-c", 10, {}).empty());
  EXPECT_FALSE(fs::exists(directory_ / "ap-c"));
}

TEST_F(LogsTest, ContinuesTheSequenceAfterARestart) {
  {
    Logs logs(directory_, kBytesPerApp);
    for (int i = 0; i < 10; ++i) logs.append(entry("ap-a", "before"));
  }
  Logs logs(directory_, kBytesPerApp);
  EXPECT_EQ(logs.last_sequence("ap-a"), 10u);
  logs.append(entry("ap-a", "after"));
  auto newest = logs.tail("ap-a", 2, {});
  ASSERT_EQ(newest.size(), 2u);
  EXPECT_EQ(newest[0].entry.text, "before");
  EXPECT_EQ(newest[1].sequence, 11u);
  EXPECT_EQ(newest[1].entry.task_id, "ta-1");
}

TEST_F(LogsTest, DropsTheOldestWhenAnAppSaysTooMuch) {
  Logs logs(directory_, kBytesPerApp);
  for (int i = 0; i < 4000; ++i) logs.append(entry("ap-a", std::string(1000, 'x')));
  EXPECT_LE(bytes_on_disk("ap-a"), kBytesPerApp + 128 * 1024 + 2000);
  auto all = logs.after("ap-a", 0, 10'000, {});
  ASSERT_FALSE(all.empty());
  EXPECT_GT(all.front().sequence, 1u);
  EXPECT_EQ(all.back().sequence, 4000u);
  EXPECT_EQ(all.size(), 4000 - all.front().sequence + 1);
}

TEST_F(LogsTest, ReadsBackFromFilesWhatMemoryNoLongerHolds) {
  Logs logs(directory_, std::uint64_t{8} << 20);
  for (int i = 1; i <= 5000; ++i) logs.append(entry("ap-a", std::to_string(i) + std::string(300, ' ')));
  auto oldest = logs.after("ap-a", 0, 3, {});
  ASSERT_EQ(oldest.size(), 3u);
  EXPECT_EQ(oldest[0].sequence, 1u);
  auto all = logs.after("ap-a", 0, 10'000, {});
  EXPECT_EQ(all.size(), 5000u);
  auto tail = logs.tail("ap-a", 4500, {});
  ASSERT_EQ(tail.size(), 4500u);
  EXPECT_EQ(tail.front().sequence, 501u);
  EXPECT_EQ(tail.back().sequence, 5000u);
}

TEST_F(LogsTest, FiltersByStreamTextAndTime) {
  Logs logs(directory_, kBytesPerApp);
  auto old = entry("ap-a", "old apple");
  old.at -= hours(2);
  logs.append(old);
  auto failure = entry("ap-a", "new apple");
  failure.stream = model::LogStream::Stderr;
  logs.append(failure);
  logs.append(entry("ap-a", "new pear"));

  LogFilter apples;
  apples.contains = "apple";
  EXPECT_EQ(logs.tail("ap-a", 10, apples).size(), 2u);
  LogFilter errors;
  errors.stream = 2;
  EXPECT_EQ(logs.tail("ap-a", 10, errors).size(), 1u);
  LogFilter recent;
  recent.since_ns = duration_cast<nanoseconds>((system_clock::now() - hours(1)).time_since_epoch()).count();
  EXPECT_EQ(logs.after("ap-a", 0, 10, recent).size(), 2u);
  LogFilter elsewhere;
  elsewhere.task_id = "ta-2";
  EXPECT_TRUE(logs.tail("ap-a", 10, elsewhere).empty());
}

TEST_F(LogsTest, IgnoresARecordThatACrashCutOff) {
  {
    Logs logs(directory_, kBytesPerApp);
    logs.append(entry("ap-a", "whole"));
    logs.append(entry("ap-a", "torn"));
  }
  fs::path segment = fs::directory_iterator(directory_ / "ap-a")->path();
  fs::resize_file(segment, fs::file_size(segment) - 2);
  Logs logs(directory_, kBytesPerApp);
  EXPECT_EQ(logs.last_sequence("ap-a"), 1u);
  logs.append(entry("ap-a", "next"));
  Logs reread(directory_, kBytesPerApp);
  auto records = reread.after("ap-a", 0, 10, {});
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].entry.text, "next");
  EXPECT_EQ(records[1].sequence, 2u);
}

TEST_F(LogsTest, LosesNothingAcknowledgedWhenTheProcessIsKilled) {
  int acknowledged[2];
  ASSERT_EQ(::pipe(acknowledged), 0);
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Logs logs(directory_, kBytesPerApp);
    for (std::uint64_t i = 1;; ++i) {
      logs.append(entry("ap-a", "line"));
      if (::write(acknowledged[1], &i, sizeof i) != sizeof i) ::_exit(1);
    }
  }
  ::close(acknowledged[1]);
  std::uint64_t last = 0, value = 0;
  while (last < 500 && ::read(acknowledged[0], &value, sizeof value) == sizeof value) last = value;
  ::kill(child, SIGKILL);
  while (::read(acknowledged[0], &value, sizeof value) == sizeof value) last = value;
  ::waitpid(child, nullptr, 0);
  ::close(acknowledged[0]);
  Logs logs(directory_, kBytesPerApp);
  EXPECT_GE(logs.last_sequence("ap-a"), last);
  auto all = logs.after("ap-a", 0, 1'000'000, {});
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.size(), all.back().sequence - all.front().sequence + 1);
}

TEST_F(LogsTest, TellsItsListenerWhichAppSpoke) {
  Logs logs(directory_, kBytesPerApp);
  std::string spoke;
  logs.on_append([&spoke](const std::string& app_id) { spoke = app_id; });
  logs.append(entry("ap-a", "x"));
  EXPECT_EQ(spoke, "ap-a");
}

TEST_F(LogsTest, HoldsManyAppsWithFewOpenFiles) {
  Logs logs(directory_, kBytesPerApp);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 200; ++i) logs.append(entry("ap-" + std::to_string(i), "x"));
  }
  EXPECT_EQ(logs.last_sequence("ap-0"), 2u);
  std::size_t descriptors = 0;
  for ([[maybe_unused]] const auto& fd : fs::directory_iterator("/proc/self/fd")) ++descriptors;
  EXPECT_LT(descriptors, 120u);
}

TEST_F(LogsTest, ForgetsARemovedAppAndRefusesPathsAsNames) {
  Logs logs(directory_, kBytesPerApp);
  logs.append(entry("ap-a", "x"));
  logs.remove("ap-a");
  EXPECT_EQ(logs.last_sequence("ap-a"), 0u);
  logs.append(entry("../escape", "x"));
  EXPECT_FALSE(fs::exists(directory_.parent_path() / "escape"));
}

TEST_F(LogsTest, StillServesFollowersWhenTheDiskIsFull) {
  fs::create_directories(directory_);
  if (::mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=128k") != 0) {
    GTEST_SKIP() << "only root can mount a small tmpfs";
  }
  {
    Logs logs(directory_, kBytesPerApp);
    for (int i = 0; i < 300; ++i) logs.append(entry("ap-a", std::string(1000, 'x')));
    auto newest = logs.after("ap-a", 299, 10, {});
    ASSERT_EQ(newest.size(), 1u);
    EXPECT_EQ(newest[0].sequence, 300u);
  }
  EXPECT_EQ(::umount(directory_.c_str()), 0);
}

}  // namespace
}  // namespace bimodal::store
