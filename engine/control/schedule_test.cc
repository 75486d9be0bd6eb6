#include "control/schedule.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

absl::Time utc(const char* text) {
  absl::Time time;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M:%S", text, &time, nullptr)) << text;
  return time;
}

api::Schedule cron(const std::string& text, const std::string& zone = "UTC") {
  api::Schedule schedule;
  schedule.mutable_cron()->set_cron_string(text);
  schedule.mutable_cron()->set_timezone(zone);
  return schedule;
}

TEST(Schedule, ACronGoesByItsTimeZone) {
  const auto schedule = Schedule::parse(cron("0 6 * * *", "America/New_York"));
  ASSERT_TRUE(schedule);
  EXPECT_EQ(schedule->next(utc("2026-11-22 03:00:00"), {}), utc("2026-11-22 11:00:00"));
  EXPECT_EQ(schedule->next(utc("2026-07-01 10:00:00"), {}), utc("2026-07-02 10:00:00"));
}

// All times of `text` after `from`, in UTC: "day hour:minute".
std::string times(const std::string& text, const std::string& zone, const char* from, int count) {
  const auto schedule = Schedule::parse(cron(text, zone));
  std::string out;
  absl::Time now = utc(from);
  for (int i = 0; i < count; ++i) {
    now = schedule->next(now, {}).value_or(absl::InfiniteFuture());
    out += absl::FormatTime("%d %H:%M ", now, absl::UTCTimeZone());
  }
  return out;
}

// Berlin: 02:00 becomes 03:00 on 29 March 2026 at 01:00 UTC, 03:00 becomes 02:00 on 25 October at 01:00 UTC.
TEST(Schedule, ATimeInTheGapOfAClockPutForwardComesOnceAtItsEnd) {
  EXPECT_EQ(times("30 2 * * *", "Europe/Berlin", "2026-03-28 00:00:00", 3), "28 01:30 29 01:00 30 00:30 ");
  EXPECT_EQ(times("0,30 2 * * *", "Europe/Berlin", "2026-03-28 22:00:00", 2), "29 01:00 30 00:00 ");
}

TEST(Schedule, ATimeThatAClockPutBackShowsTwiceComesOnce) {
  EXPECT_EQ(times("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00:00", 2), "25 00:30 26 01:30 ");
}

TEST(Schedule, TimesOfAnyHourKeepTheirDistanceWhenTheClockIsChanged) {
  EXPECT_EQ(times("*/30 * * * *", "Europe/Berlin", "2026-03-29 00:10:00", 3), "29 00:30 29 01:00 29 01:30 ");
  EXPECT_EQ(times("*/30 * * * *", "Europe/Berlin", "2026-10-25 00:10:00", 4), "25 00:30 25 01:00 25 01:30 25 02:00 ");
  EXPECT_EQ(times("15 * * * *", "Australia/Lord_Howe", "2026-04-04 13:00:00", 3), "04 13:15 04 14:15 04 15:45 ");
}

TEST(Schedule, APeriodCountsFromTheDeployment) {
  api::Schedule text;
  text.mutable_period()->set_minutes(15);
  const auto quarter = Schedule::parse(text);
  EXPECT_EQ(quarter->next(utc("2026-11-22 03:00:00"), utc("2026-11-22 02:50:00")), utc("2026-11-22 03:05:00"));
  EXPECT_EQ(quarter->next(utc("2026-11-22 03:05:00"), utc("2026-11-22 02:50:00")), utc("2026-11-22 03:20:00"));
  EXPECT_EQ(quarter->next(utc("2027-11-22 03:05:01"), utc("2026-11-22 02:50:00")), utc("2027-11-22 03:20:00"));
}

TEST(Schedule, AMonthEndsWithItsLastDay) {
  api::Schedule text;
  text.mutable_period()->set_months(1);
  const auto monthly = Schedule::parse(text);
  EXPECT_EQ(monthly->next(utc("2026-02-01 00:00:00"), utc("2026-01-31 12:00:00")), utc("2026-02-28 12:00:00"));
  EXPECT_EQ(monthly->next(utc("2026-03-01 00:00:00"), utc("2026-01-31 12:00:00")), utc("2026-03-31 12:00:00"));
}

TEST(Schedule, RefusesWhatHasNoTimes) {
  EXPECT_FALSE(Schedule::parse(cron("* * *")));
  EXPECT_FALSE(Schedule::parse(cron("* * * * *", "Mars/Olympus")));
  EXPECT_FALSE(Schedule::parse(cron("* * * * *", "/etc/localtime")));
  EXPECT_FALSE(Schedule::parse(cron("* * * * *", "file:/etc/localtime")));
  EXPECT_FALSE(Schedule::parse(cron("* * * * *", "Europe/../../../../etc/localtime")));
  api::Schedule text;
  text.mutable_period()->set_seconds(0.5f);
  EXPECT_FALSE(Schedule::parse(text));
  text.mutable_period()->set_days(-1);
  EXPECT_FALSE(Schedule::parse(text));
}

}  // namespace
}  // namespace bimodal::control
