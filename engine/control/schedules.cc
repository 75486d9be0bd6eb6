#include "control/schedules.h"

#include <absl/time/clock.h>

#include <algorithm>
#include <utility>

#include "async/pulse.h"
#include "base/log.h"
#include "control/clock.h"
#include "control/no_arguments.h"
#include "store/schedule_table.h"

namespace bimodal::control {
namespace {

constexpr std::chrono::minutes kLongestSleep{1};  // the host's clock may be set

Result<Timetable::LastRuns> load_last_runs(store::Transaction& transaction) {
  TRY(auto runs, store::ScheduleTable(transaction).last_runs());
  Timetable::LastRuns out;
  for (const auto& [function_id, at] : runs) out[function_id] = absl::FromUDate(at * 1000);
  return out;
}

}  // namespace

Schedules::Schedules(Context& context, Registry& registry, calls::Calls& calls)
    : context_(context), registry_(registry), calls_(calls), scope_(context.executor, "schedules") {}

Task<Result<void>> Schedules::start() {
  CO_TRY(auto last_runs, co_await context_.transact(load_last_runs));
  timetable_ = Timetable(std::move(last_runs));
  scope_.spawn(run());
  co_return Result<void>();
}

Task<void> Schedules::close() {
  co_await scope_.close();
}

Task<void> Schedules::run() {
  while (true) {
    const absl::Time now = absl::Now();
    timetable_.set(registry_.running(), now);
    for (Timetable::Run& due : timetable_.take_due(now)) scope_.spawn(call(std::move(due)));
    const absl::Duration wait = std::min(timetable_.next() - now, absl::FromChrono(kLongestSleep));
    const Deadline deadline =
        Deadline::after(std::chrono::ceil<std::chrono::milliseconds>(absl::ToChronoNanoseconds(wait)));
    const bool changed = co_await registry_.changed().wait(deadline);
    if (!changed && !deadline.passed()) co_return;  // cancelled
  }
}

// What is written before the call is made is missed when the daemon dies in between; else it would be made twice.
Task<void> Schedules::call(Timetable::Run run) {
  auto note = [function_id = run.function_id](store::Transaction& transaction) {
    return store::ScheduleTable(transaction).set_last_run(function_id, unix_now());
  };
  const auto noted = co_await context_.transact(std::move(note));
  if (!noted) log::warning("{}: its scheduled run isn't noted: {}", run.name, noted.error().message);
  store::Call row;
  row.function_id = run.function_id;
  row.app_id = run.app_id;
  row.kind = api::FUNCTION_CALL_TYPE_UNARY;
  row.invocation = api::FUNCTION_CALL_INVOCATION_TYPE_ASYNC;
  row.expected = 1;
  std::vector<calls::NewInput> inputs(1);
  inputs[0].arguments = input_without_arguments().SerializeAsString();
  const auto begun = co_await calls_.begin(std::move(row), std::move(inputs));
  if (!begun) log::warning("{}: its scheduled run: {}", run.name, begun.error().message);
}

}  // namespace bimodal::control
