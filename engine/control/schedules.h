// Calls the functions of deployed apps that have schedule=, at their times. Loop-bound.
//
// A call that lasts longer than until the next time holds up none: the next one waits in the function's line like any
// other, as long as that has room (calls::Limits).
#pragma once

#include "async/scope.h"
#include "calls/calls.h"
#include "control/context.h"
#include "control/registry.h"
#include "control/timetable.h"

namespace bimodal::control {

class Schedules {
 public:
  Schedules(Context& context, Registry& registry, calls::Calls& calls);

  // Once, when the registry is filled.
  Task<Result<void>> start();
  // Nothing is called any more. Must finish before destruction.
  Task<void> close();

 private:
  Task<void> run();
  Task<void> call(Timetable::Run run);

  Context& context_;
  Registry& registry_;
  calls::Calls& calls_;
  Timetable timetable_;
  Scope scope_;
};

}  // namespace bimodal::control
