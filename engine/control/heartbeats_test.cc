#include "control/heartbeats.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

using namespace std::chrono_literals;

TEST(Heartbeats, TellsOnceOfAnAppThatWentSilent) {
  const Heartbeats::Clock::time_point start{};
  Heartbeats heartbeats;
  heartbeats.beat("ap-1", start);
  heartbeats.beat("ap-2", start);
  heartbeats.beat("ap-2", start + 15s);
  EXPECT_TRUE(heartbeats.take_silent(start + 59s).empty());
  EXPECT_EQ(heartbeats.take_silent(start + 60s), std::vector<std::string>{"ap-1"});
  EXPECT_TRUE(heartbeats.take_silent(start + 61s).empty());
  EXPECT_EQ(heartbeats.take_silent(start + 75s), std::vector<std::string>{"ap-2"});
}

TEST(Heartbeats, SaysNothingOfAnAppThatWasForgotten) {
  const Heartbeats::Clock::time_point start{};
  Heartbeats heartbeats;
  heartbeats.beat("ap-1", start);
  heartbeats.forget("ap-1");
  EXPECT_TRUE(heartbeats.take_silent(start + 1h).empty());
}

}  // namespace
}  // namespace bimodal::control
