#include "control/schedule.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace bimodal::control {
namespace {

constexpr int kMaxPart = 100'000;  // of a period: no product of it overflows
constexpr double kMaxSeconds = 1e9;
constexpr int kMaxZoneChanges = 64;  // on the way to the next time; they are months apart

bool within_bounds(const api::Schedule::Period& period) {
  for (int part : {period.years(), period.months(), period.weeks(), period.days(), period.hours(), period.minutes()}) {
    if (part < 0 || part > kMaxPart) return false;
  }
  return period.seconds() >= 0 && period.seconds() < kMaxSeconds;
}

// Names of the zone database only: the library takes paths as well.
bool is_zone_name(std::string_view name) {
  auto plain = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '+' || c == '-' || c == '/'; };
  return !name.starts_with('/') && std::all_of(name.begin(), name.end(), plain);
}

Result<absl::TimeZone> zone_named(const std::string& name) {
  absl::TimeZone zone = absl::UTCTimeZone();
  if (name.empty() || (is_zone_name(name) && absl::LoadTimeZone(name, &zone))) return zone;
  return error(Code::InvalidArgument, "there is no time zone '{}'; write e.g. \"Europe/Berlin\"", name);
}

absl::Time time_of(const absl::TimeZone::CivilTransition& change, const absl::TimeZone& zone) {
  const absl::TimeZone::TimeInfo forward = zone.At(change.from);
  return forward.kind == absl::TimeZone::TimeInfo::SKIPPED ? forward.trans : zone.At(change.to).trans;
}

// `since` moved in the calendar, then by `rest`. A month that lacks the day gives its last one.
absl::Time moved(absl::Time since, std::int64_t months, std::int64_t days, absl::Duration rest) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  const absl::CivilSecond civil = absl::ToCivilSecond(since, utc);
  const absl::Duration fraction = since - absl::FromCivil(civil, utc);
  const absl::CivilMonth month = absl::CivilMonth(civil) + months;
  const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
  const absl::CivilDay day = std::min(absl::CivilDay(month) + (civil.day() - 1), last) + days;
  const absl::CivilSecond at(day.year(), day.month(), day.day(), civil.hour(), civil.minute(), civil.second());
  return absl::FromCivil(at, utc) + fraction + rest;
}

}  // namespace

Result<Schedule> Schedule::parse(const api::Schedule& schedule) {
  Schedule out;
  if (schedule.has_cron()) {
    TRY(Cron cron, Cron::parse(schedule.cron().cron_string()));
    TRY(absl::TimeZone zone, zone_named(schedule.cron().timezone()));
    out.times_ = CronTimes{std::move(cron), zone};
    return out;
  }
  const auto& period = schedule.period();
  if (!within_bounds(period)) {
    return error(Code::InvalidArgument, "modal.Period has a part that is negative or too large");
  }
  PeriodTimes times{};
  times.months = 12 * period.years() + period.months();
  times.days = 7 * period.weeks() + period.days();
  times.rest = absl::Hours(period.hours()) + absl::Minutes(period.minutes()) + absl::Seconds(period.seconds());
  if (times.months == 0 && times.days == 0 && times.rest < absl::Seconds(1)) {
    return error(Code::InvalidArgument, "modal.Period is shorter than a second");
  }
  out.times_ = times;
  return out;
}

std::optional<absl::Time> Schedule::next(absl::Time now, absl::Time since) const {
  if (const auto* cron = std::get_if<CronTimes>(&times_)) return cron->next(now);
  return std::get<PeriodTimes>(times_).next(now, since);
}

std::optional<absl::Time> Schedule::CronTimes::next(absl::Time now) const {
  if (cron.any_hour()) return next_of_any_hour(now);
  auto minute = cron.next(absl::ToCivilMinute(now, zone));
  // FromCivil() gives the end of the gap for a skipped minute, the first of two for a repeated one.
  while (minute && absl::FromCivil(*minute, zone) <= now) minute = cron.next(*minute);
  if (!minute) return std::nullopt;
  return absl::FromCivil(*minute, zone);
}

// The first time at which the clock shows a minute that fits: within each stretch between two changes of the clock the
// calendar runs evenly.
std::optional<absl::Time> Schedule::CronTimes::next_of_any_hour(absl::Time now) const {
  absl::Time from = now;
  for (int changes = 0; changes < kMaxZoneChanges; ++changes) {
    const absl::TimeZone even = absl::FixedTimeZone(zone.At(from).offset);
    // At a change of the clock its very minute counts.
    const absl::CivilMinute shown = absl::ToCivilMinute(from, even) - (from == now ? 0 : 1);
    const auto minute = cron.next(shown);
    if (!minute) return std::nullopt;
    const absl::Time at = absl::FromCivil(*minute, even);
    absl::TimeZone::CivilTransition change;
    if (!zone.NextTransition(from, &change)) return at;
    const absl::Time changed = time_of(change, zone);
    if (at < changed) return at;
    from = changed;
  }
  return std::nullopt;
}

std::optional<absl::Time> Schedule::PeriodTimes::next(absl::Time now, absl::Time since) const {
  // A lower bound of how many have passed: no month has more than 31 days.
  const absl::Duration longest = absl::Hours(24) * (31 * std::int64_t{months} + days) + rest;
  absl::Duration ignored;
  std::int64_t passed = std::max<std::int64_t>(0, absl::IDivDuration(now - since, longest, &ignored) - 1);
  while (true) {
    ++passed;
    const absl::Time at = moved(since, months * passed, days * passed, rest * passed);
    if (at > now) return at;
  }
}

}  // namespace bimodal::control
