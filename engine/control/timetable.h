// Which functions with schedule= are to be called, and when the next one is. Plain; the time is its caller's.
#pragma once

#include <absl/time/time.h>

#include <map>
#include <string>
#include <vector>

#include "control/registry.h"
#include "control/schedule.h"

namespace bimodal::control {

class Timetable {
 public:
  struct Run {
    std::string function_id, app_id;
    std::string name;  // "app/function", for messages
  };
  using LastRuns = std::map<std::string, absl::Time>;  // by function id

  // `last_runs` of a former daemon: what one missed since, this one makes up for, once.
  explicit Timetable(LastRuns last_runs = {}) : last_runs_(std::move(last_runs)) {}

  // These run now; those of ephemeral apps are left out. What is planned stays for functions that weren't deployed
  // anew.
  void set(const std::vector<PublishedApp>& running, absl::Time now);
  // Those whose time has come. Their next one is after `now`: what was missed comes once.
  std::vector<Run> take_due(absl::Time now);
  // InfiniteFuture when there is none.
  absl::Time next() const;

 private:
  struct Entry {
    Run run;
    std::string text;  // of the schedule, serialized
    Schedule schedule;
    absl::Time since;
    absl::Time next;
  };

  void add(const PublishedApp& app, const ScheduledFunction& function, absl::Time now);

  LastRuns last_runs_;
  std::map<std::string, Entry> entries_;  // by function id
};

}  // namespace bimodal::control
