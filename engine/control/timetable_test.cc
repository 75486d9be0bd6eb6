#include "control/timetable.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

constexpr double kDeployed = 1'800'000'000;  // Unix seconds, a full minute

absl::Time at(double seconds) {
  return absl::FromUDate((kDeployed + seconds) * 1000);
}

std::string every(int seconds) {
  api::Schedule schedule;
  schedule.mutable_period()->set_seconds(static_cast<float>(seconds));
  return schedule.SerializeAsString();
}

std::string every_minute() {
  api::Schedule schedule;
  schedule.mutable_cron()->set_cron_string("* * * * *");
  return schedule.SerializeAsString();
}

PublishedApp app(std::string schedule, double deployed = 0) {
  PublishedApp out;
  out.app_id = "ap-1";
  out.name = "app";
  out.deployed_at = kDeployed + deployed;
  out.scheduled = {{"fu-1", "tick", std::move(schedule)}};
  return out;
}

TEST(Timetable, CallsADeployedFunctionOncePerPeriod) {
  Timetable table;
  table.set({app(every(10))}, at(1));
  EXPECT_EQ(table.next(), at(10));
  EXPECT_TRUE(table.take_due(at(9.9)).empty());
  const auto due = table.take_due(at(10));
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].function_id, "fu-1");
  EXPECT_EQ(due[0].name, "app/tick");
  EXPECT_TRUE(table.take_due(at(10.1)).empty());
  EXPECT_EQ(table.next(), at(20));
}

TEST(Timetable, CallsOnceForTimesThatPassedTogether) {
  Timetable table;
  table.set({app(every(10))}, at(1));
  EXPECT_EQ(table.take_due(at(47)).size(), 1u);
  EXPECT_EQ(table.next(), at(50));
}

TEST(Timetable, ARedeployResetsAPeriodAndNotACron) {
  Timetable table;
  table.set({app(every(100))}, at(1));
  table.set({app(every(100), 60)}, at(60));
  EXPECT_EQ(table.next(), at(160));
  table.set({app(every_minute())}, at(1));
  table.set({app(every_minute(), 50)}, at(50));
  EXPECT_EQ(table.next(), at(60));
}

TEST(Timetable, WhatIsStillDeployedKeepsItsNextTime) {
  Timetable table;
  table.set({app(every(10))}, at(1));
  table.set({app(every(10))}, at(12));  // another app changed
  EXPECT_EQ(table.take_due(at(12)).size(), 1u);
}

TEST(Timetable, NeitherAStoppedNorAnEphemeralAppIsCalled) {
  Timetable table;
  table.set({app(every(10))}, at(1));
  table.set({}, at(5));
  EXPECT_EQ(table.next(), absl::InfiniteFuture());
  PublishedApp served = app(every(10));
  served.ephemeral = true;
  table.set({served}, at(5));
  EXPECT_EQ(table.next(), absl::InfiniteFuture());
}

TEST(Timetable, AfterARestartAMissedPeriodIsMadeUpForOnce) {
  Timetable table({{"fu-1", at(20)}});
  table.set({app(every(10))}, at(55));
  EXPECT_EQ(table.take_due(at(55)).size(), 1u);
  EXPECT_EQ(table.next(), at(60));
}

TEST(Timetable, AfterARestartNothingIsCalledTwice) {
  Timetable table({{"fu-1", at(20.1)}});
  table.set({app(every(10))}, at(25));
  EXPECT_EQ(table.next(), at(30));
}

TEST(Timetable, AfterARestartAMissedCronIsPassedOver) {
  Timetable table({{"fu-1", at(60)}});
  table.set({app(every_minute())}, at(330));
  EXPECT_EQ(table.next(), at(360));
}

}  // namespace
}  // namespace bimodal::control
