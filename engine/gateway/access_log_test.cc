#include "gateway/access_log.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>

#include "base/ids.h"

namespace bimodal::gateway {
namespace {

namespace fs = std::filesystem;

class AccessLogTest : public testing::Test {
 protected:
  AccessLogTest() : folder_(fs::temp_directory_path() / ("bimodal-access-" + random_text(12))) {
    fs::create_directories(folder_);
    access_.id.fill('0');
    access_.client = "192.0.2.1";
    access_.method = "GET";
    access_.host = "a.example";
    access_.path = "/x";
    access_.status = 200;
  }
  ~AccessLogTest() override { fs::remove_all(folder_); }

  std::unique_ptr<AccessLog> open(std::uint64_t max_bytes = 1 << 20, std::size_t old_files = 2) {
    return *AccessLog::open({folder_ / "access.jsonl", max_bytes, old_files}, 2);
  }

  std::vector<std::string> lines(const std::string& name = "access.jsonl") {
    std::ifstream file(folder_ / name);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }

  const fs::path folder_;
  Access access_;
};

TEST_F(AccessLogTest, TellsOfARequestInOneLine) {
  const FunctionTraffic::Names names{"main", "shop", "web"};
  access_.function = &names;
  access_.tls = "TLSv1.3";
  access_.error = "rate-limit";
  access_.http_version = 20;
  access_.arrived_ns = 1'000'000'000;
  access_.ended_ns = 1'001'234'567;
  access_.received = 5;
  access_.sent = 7;
  access_.cold = true;
  std::string line;
  append_access_line(access_, 3'000'000'000, 1'000'000'002'345, line);
  EXPECT_EQ(
      line,
      R"({"time":"2001-09-09T01:46:40.345Z","id":"00000000000000000000000000","client":"192.0.2.1","method":"GET",)"
      R"("host":"a.example","path":"/x","protocol":"HTTP/2","tls":"TLSv1.3","status":200,"received":5,"sent":7,)"
      R"("ms":1.234,"environment":"main","app":"shop","function":"web","cold":true,"error":"rate-limit"})");
}

TEST_F(AccessLogTest, StaysJsonWhateverCallersSend) {
  access_.path = "/\"\\\n\x7f\xff";
  access_.host = "";
  std::string line;
  append_access_line(access_, 0, 0, line);
  EXPECT_NE(line.find(R"("host":"","path":"/\"\\\u000a\u007f\u00ff")"), std::string::npos) << line;
}

TEST_F(AccessLogTest, WritesWhatEveryLoopSays) {
  {
    auto log = open();
    for (int i = 0; i < 500; ++i) {
      log->write(0, access_);
      log->write(1, access_);
    }
    EXPECT_EQ(log->dropped(), 0u);
  }
  EXPECT_EQ(lines().size(), 1000u);
  open()->write(0, access_);
  EXPECT_EQ(lines().size(), 1001u) << "a new daemon goes on with the file";
}

TEST_F(AccessLogTest, DropsAndCountsWhatItCannotHold) {
  const std::string path(AccessLog::kMaxPath * 2, 'p');
  access_.path = path;
  std::size_t sent = 0;
  std::uint64_t dropped = 0;
  {
    auto log = open(std::uint64_t{1} << 30);
    // More than the ring holds in less time than a batch; this thread may have to wait for its turn meanwhile.
    for (; log->dropped() == 0 && sent < 1'000'000; ++sent) log->write(0, access_);
    dropped = log->dropped();
    EXPECT_GT(dropped, 0u);
  }
  const auto all = lines();
  EXPECT_EQ(all.size() + dropped, sent);
  for (const std::string& line : all) {
    ASSERT_LT(line.size(), AccessLog::kMaxPath + 400);
    ASSERT_TRUE(line.starts_with("{\"time\"") && line.ends_with("}"));
  }
}

TEST_F(AccessLogTest, RotatesBySizeAndKeepsSoManyFiles) {
  {
    auto log = open(4096, 2);
    for (int i = 0; i < 200; ++i) log->write(0, access_);
  }
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_LE(entry.file_size(), 4096u) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 3u);
  EXPECT_FALSE(lines("access.1.jsonl").empty());
}

// CPU time of this thread: what else the machine does costs nothing here, and nor does a wait for its turn.
std::chrono::nanoseconds used_by_this_thread() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

TEST_F(AccessLogTest, CostsALoopLessThanAMicrosecond) {
  auto log = open(std::uint64_t{1} << 30);
  const std::string path(64, 'p');
  access_.path = path;
  auto best = std::chrono::nanoseconds::max();
  for (int round = 0; round < 50; ++round) {
    const auto start = used_by_this_thread();
    for (int i = 0; i < 20; ++i) log->write(0, access_);
    best = std::min(best, (used_by_this_thread() - start) / 20);
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(best, std::chrono::microseconds(1));
#endif
}

TEST_F(AccessLogTest, SaysWhereItCannotWrite) {
  const auto blocked = AccessLog::open({"/proc/nowhere/access.jsonl", 4096, 1}, 1);
  ASSERT_FALSE(blocked);
  EXPECT_NE(blocked.error().message.find("/proc/nowhere/access.jsonl"), std::string::npos);
}

}  // namespace
}  // namespace bimodal::gateway
