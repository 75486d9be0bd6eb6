#include "scheduler/leave_times.h"

#include <algorithm>

namespace bimodal::scheduler {
namespace {

bool says_itself(const model::FunctionVersion& version) {
  return version.is_server && version.leave_patience;
}

}  // namespace

std::chrono::milliseconds patience_at_stop(const model::FunctionVersion& version, const PoolLimits& limits) {
  if (version.web_methods.empty() || says_itself(version)) return least_patience(version, limits);
  return std::max(limits.drain, least_patience(version, limits));
}

std::chrono::milliseconds least_patience(const model::FunctionVersion& version, const PoolLimits& limits) {
  const auto passes_by = [](const model::WebMethod& method) { return model::listens_on_port(method.kind); };
  if (says_itself(version)) return *version.leave_patience;
  return std::ranges::any_of(version.web_methods, passes_by) ? limits.exit_grace : std::chrono::milliseconds(0);
}

}  // namespace bimodal::scheduler
