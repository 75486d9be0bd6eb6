#include "cli/status.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bimodal::cli {
namespace {

constexpr const char* kAccount = R"({
  "apps": [{"app_id": "ap-1", "name": "hello", "environment": "main", "state": "deployed", "urls": ["http://a", "http://b"]}],
  "containers": [{"task_id": "ta-1", "app_id": "ap-1", "function": "hello", "state": "warm"}],
  "standbys": [{"app_id": "ap-1", "state": "ready"}],
  "host": {"memory_mb": 1000, "reserved_memory_mb": 256, "cpu_milli": 16000, "reserved_cpu_milli": 250,
           "waiting": ["shop/big: the host has too little"]},
  "functions": [{"environment": "main", "app": "hello", "function": "hello", "requests": 12, "server_errors": 1,
                 "p50_ms": 1.5, "p99_ms": 20.25}]})";

DaemonStatus sample() {
  DaemonStatus status;
  status.home = "/h";
  status.info = server::DaemonInfo{7, "1.0", "127.0.0.1:1", "127.0.0.1:2", "localhost", 5, "127.0.0.1:3"};
  EXPECT_TRUE(read_account(kAccount, status));
  return status;
}

TEST(Status, JsonHoldsDaemonAppsAndContainers) {
  nlohmann::json out = nlohmann::json::parse(as_json(sample()));
  EXPECT_EQ(out["pid"], 7);
  EXPECT_EQ(out["running"], true);
  EXPECT_EQ(out["web"], "http://127.0.0.1:2");
  EXPECT_EQ(out["admin"], "http://127.0.0.1:3");
  EXPECT_EQ(out["apps"][0]["urls"][1], "http://b");
  EXPECT_EQ(out["containers"][0]["state"], "warm");
  EXPECT_EQ(out["standbys"][0]["state"], "ready");
  EXPECT_EQ(out["functions"][0]["p99_ms"], 20.25);
}

TEST(Status, TextNamesEveryUrl) {
  std::string text = as_text(sample());
  for (const char* part :
       {"7", "http://127.0.0.1:1", "ap-1", "hello", "http://a", "http://b", "ta-1", "warm",
        "12, of them 5xx 1; p50 1.5 ms, p99 20.2 ms"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
}

TEST(Status, TextSaysWhatIsReservedAndWhoWaitsForRoom) {
  const std::string text = as_text(sample());
  EXPECT_NE(text.find("256 of 1000 MiB, 0.25 of 16 CPUs"), std::string::npos) << text;
  EXPECT_NE(text.find("waits: shop/big: the host has too little"), std::string::npos) << text;
  EXPECT_EQ(nlohmann::json::parse(as_json(sample()))["host"]["waiting"][0], "shop/big: the host has too little");
}

TEST(Status, LimitsThatNothingHoldsAreNamed) {
  DaemonStatus status = sample();
  EXPECT_EQ(as_text(status).find("limits"), std::string::npos);
  const std::string account =
      R"({"apps": [], "containers": [], "standbys": [], "unenforced_limits": "memory: no cgroup",
          "host": {"memory_mb": 0, "reserved_memory_mb": 0, "cpu_milli": 0, "reserved_cpu_milli": 0, "waiting": []}})";
  EXPECT_TRUE(read_account(account, status));
  EXPECT_NE(as_text(status).find("memory: no cgroup"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(as_json(status))["unenforced_limits"], "memory: no cgroup");
}

TEST(Status, NoDaemonIsSaidWithTheRemedy) {
  DaemonStatus none;
  none.home = "/h";
  EXPECT_NE(as_text(none).find("bimodal up"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(as_json(none))["running"], false);
}

TEST(Status, AnAccountOfAnotherVersionIsRefused) {
  DaemonStatus status;
  EXPECT_EQ(read_account("{}", status).error().code, Code::DataLoss);
  EXPECT_EQ(read_account("nonsense", status).error().code, Code::DataLoss);
}

}  // namespace
}  // namespace bimodal::cli
