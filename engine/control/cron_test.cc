#include "control/cron.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

using Minute = absl::CivilMinute;

Minute next(std::string_view text, Minute after) {
  return Cron::parse(text)->next(after).value_or(Minute());
}

TEST(Cron, GivesTheNextMinuteThatFits) {
  const Minute now(2026, 11, 22, 3, 30);  // a Sunday
  EXPECT_EQ(next("* * * * *", now), Minute(2026, 11, 22, 3, 31));
  EXPECT_EQ(next("5 4 * * *", now), Minute(2026, 11, 22, 4, 5));
  EXPECT_EQ(next("30 3 * * *", now), Minute(2026, 11, 23, 3, 30));
  EXPECT_EQ(next("*/20 * * * *", now), Minute(2026, 11, 22, 3, 40));
  EXPECT_EQ(next("10-50/15 9-17 * * mon-fri", now), Minute(2026, 11, 23, 9, 10));
  EXPECT_EQ(next("0 0 1 jan *", now), Minute(2027, 1, 1));
  EXPECT_EQ(next("0 0 29 2 *", now), Minute(2028, 2, 29));
  EXPECT_EQ(next("0 0 * * 7", now), Minute(2026, 11, 29));
  EXPECT_EQ(next("0 0 31,15 * *", now), Minute(2026, 12, 15));
}

TEST(Cron, KnowsTheNicknames) {
  const Minute now(2026, 11, 22, 3, 30);
  EXPECT_EQ(next("@hourly", now), Minute(2026, 11, 22, 4, 0));
  EXPECT_EQ(next("@daily", now), Minute(2026, 11, 23));
  EXPECT_EQ(next("@midnight", now), Minute(2026, 11, 23));
  EXPECT_EQ(next("@weekly", now), Minute(2026, 11, 29));
  EXPECT_EQ(next("@monthly", now), Minute(2026, 12, 1));
  EXPECT_EQ(next("@yearly", now), Minute(2027, 1, 1));
}

TEST(Cron, TakesEitherDayWhenBothAreRestricted) {
  EXPECT_EQ(next("0 0 25 * fri", Minute(2026, 11, 22)), Minute(2026, 11, 25));
  EXPECT_EQ(next("0 0 25 * fri", Minute(2026, 11, 25)), Minute(2026, 11, 27));
}

TEST(Cron, GivesNothingForADayThatNeverComes) {
  EXPECT_FALSE(Cron::parse("0 0 30 2 *")->next(Minute(2026, 1, 1)));
}

TEST(Cron, RefusesWhatIsNoExpression) {
  for (const char* text :
       {"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *",
        "*/0 * * * *", "1,,2x * * * *", "a * * * *", ", * * * *", "@reboot", "* * * * * @daily"}) {
    EXPECT_FALSE(Cron::parse(text)) << text;
  }
}

}  // namespace
}  // namespace bimodal::control
