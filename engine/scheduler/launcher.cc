#include "scheduler/launcher.h"

#include <algorithm>

namespace bimodal::scheduler {

Task<Result<UniqueFd>> Container::connect(std::uint16_t, Deadline) {
  co_return error(Code::Unimplemented, "this container has no ports");
}

// What a container says of itself lies within its start.
StartPhases phases_of(const StartTimes& times) {
  const std::int64_t imported =
      times.imported == 0 ? times.warm : std::clamp(times.imported, times.running, std::max(times.running, times.warm));
  return {times.running - times.asked, imported - times.running, times.warm - imported};
}

std::string StartPhases::text() const {
  auto ms = [](std::int64_t span_ns) { return static_cast<double>(span_ns) / 1e6; };
  return fmt::format("sandbox={:.1f};import={:.1f};enter={:.1f}", ms(sandbox), ms(import), ms(enter));
}

const StartTimes& Container::start_times() const {
  static const StartTimes unknown;
  return unknown;
}

void Container::note_cold_start(std::string) {}

}  // namespace bimodal::scheduler
