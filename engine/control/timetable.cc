#include "control/timetable.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace bimodal::control {
namespace {

std::optional<Schedule> schedule_in(const std::string& bytes) {
  api::Schedule message;
  if (!message.ParseFromString(bytes)) return std::nullopt;
  auto schedule = Schedule::parse(message);
  if (!schedule) return std::nullopt;
  return *std::move(schedule);
}

}  // namespace

void Timetable::set(const std::vector<PublishedApp>& running, absl::Time now) {
  std::map<std::string, Entry> old = std::exchange(entries_, {});
  for (const PublishedApp& app : running) {
    if (app.ephemeral || app.stopped) continue;
    for (const ScheduledFunction& function : app.scheduled) {
      auto known = old.find(function.function_id);
      const bool same = known != old.end() && known->second.text == function.schedule &&
                        known->second.since == absl::FromUDate(app.deployed_at * 1000);
      if (same) {
        entries_.insert(old.extract(known));
      } else {
        add(app, function, now);
      }
    }
  }
  last_runs_.clear();
}

void Timetable::add(const PublishedApp& app, const ScheduledFunction& function, absl::Time now) {
  auto schedule = schedule_in(function.schedule);
  if (!schedule) return;  // of a release with other zones; it was checked when the function was made
  const absl::Time since = absl::FromUDate(app.deployed_at * 1000);
  absl::Time from = now;
  if (schedule->makes_up()) {
    auto last = last_runs_.find(function.function_id);
    from = last == last_runs_.end() ? since : std::max(since, last->second);
  }
  const absl::Time next = schedule->next(from, since).value_or(absl::InfiniteFuture());
  Run run{function.function_id, app.app_id, app.name + "/" + function.tag};
  Entry entry{std::move(run), function.schedule, *std::move(schedule), since, next};
  entries_.insert_or_assign(function.function_id, std::move(entry));
}

std::vector<Timetable::Run> Timetable::take_due(absl::Time now) {
  std::vector<Run> due;
  for (auto& [function_id, entry] : entries_) {
    if (entry.next > now) continue;
    due.push_back(entry.run);
    entry.next = entry.schedule.next(now, entry.since).value_or(absl::InfiniteFuture());
  }
  return due;
}

absl::Time Timetable::next() const {
  absl::Time earliest = absl::InfiniteFuture();
  for (const auto& [function_id, entry] : entries_) earliest = std::min(earliest, entry.next);
  return earliest;
}

}  // namespace bimodal::control
