// When a function with schedule= runs next: modal.Cron in its time zone, modal.Period from its deployment on. Pure
// functions, but for reading the host's time zones.
//
// Where the clock is put forward, the times of a Cron that fall into the gap come at its end, together once; where it
// is put back, times that are named by the hour come once, those of any hour each time that the clock shows them.
#pragma once

#include <absl/time/time.h>

#include <optional>
#include <variant>

#include "control/api.h"
#include "control/cron.h"

namespace bimodal::control {

class Schedule {
 public:
  // InvalidArgument when there is no such time zone or expression, or the period is shorter than a second.
  static Result<Schedule> parse(const api::Schedule& schedule);

  // The first time after `now`, of a function that was deployed at `since`. Nothing when there is none.
  std::optional<absl::Time> next(absl::Time now, absl::Time since) const;

  // A Period's run that nobody was there for is made up for, a Cron's belongs to its hour.
  bool makes_up() const { return std::holds_alternative<PeriodTimes>(times_); }

 private:
  struct CronTimes {
    Cron cron;
    absl::TimeZone zone;

    std::optional<absl::Time> next(absl::Time now) const;
    std::optional<absl::Time> next_of_any_hour(absl::Time now) const;
  };
  // The calendar's part, in UTC, and the clock's.
  struct PeriodTimes {
    int months, days;
    absl::Duration rest;

    std::optional<absl::Time> next(absl::Time now, absl::Time since) const;
  };

  std::variant<PeriodTimes, CronTimes> times_;
};

}  // namespace bimodal::control
