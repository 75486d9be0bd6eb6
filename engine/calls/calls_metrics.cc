// What of plain calls is told as metrics.
#include <algorithm>
#include <cctype>

#include "calls/calls.h"

namespace bimodal::calls {
namespace {

// "success" of GENERIC_STATUS_SUCCESS.
std::string word_of(Status status) {
  constexpr std::string_view kPrefix = "GENERIC_STATUS_";
  std::string name = api::GenericResult::GenericStatus_Name(status);
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.empty() ? "other" : name;
}

}  // namespace

void Calls::write_metrics(metrics::Page& page) const {
  std::uint64_t unfinished = 0;
  for (const auto& [function_id, one] : unfinished_) unfinished += static_cast<std::uint64_t>(one.inputs);
  const std::uint64_t running = std::min<std::uint64_t>(unfinished, hosts_.inputs());
  auto& inputs = page.family("bimodal_inputs", "Inputs of plain calls that have not ended", metrics::Type::Gauge);
  inputs.add({{"state", "running"}}, running);
  inputs.add({{"state", "waiting"}}, unfinished - running);
  auto& ended = page.family("bimodal_inputs_total", "Inputs of plain calls that have ended", metrics::Type::Counter);
  for (const auto& [status, count] : ended_) ended.add({{"status", word_of(status)}}, count);
}

}  // namespace bimodal::calls
