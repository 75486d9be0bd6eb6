// The times of a crontab(5) expression: "minute hour day-of-month month day-of-week", or @hourly, @daily, @midnight,
// @weekly, @monthly, @yearly, @annually. Pure functions.
//
// Each field is *, a number, a range, a list of those, with or without a step; months and weekdays go by their English
// abbreviations, too; weekday 7 is Sunday. When both days are restricted, either will do, as crontab(5) has it.
#pragma once

#include <absl/time/civil_time.h>

#include <bitset>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace bimodal::control {

class Cron {
 public:
  // InvalidArgument says what is wrong with which field.
  static Result<Cron> parse(std::string_view text);

  // The first minute after `after` that fits; nothing when there is none within eight years (30 February).
  std::optional<absl::CivilMinute> next(absl::CivilMinute after) const;

  // The hour field starts with *: the times go by the clock's course rather than by the hour that it shows.
  bool any_hour() const { return any_hour_; }

 private:
  bool fits(absl::CivilDay day) const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_hour_ = false, any_day_ = false, any_weekday_ = false;
};

}  // namespace bimodal::control
