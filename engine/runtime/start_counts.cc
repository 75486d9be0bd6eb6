#include "runtime/start_counts.h"

namespace bimodal::runtime {
namespace {

using metrics::Type;

std::string_view reason_of(scheduler::ExitKind how) {
  switch (how) {
    case scheduler::ExitKind::Finished:
      return "finished";
    case scheduler::ExitKind::Failed:
      return "failed";
    case scheduler::ExitKind::Signalled:
      return "signalled";
    case scheduler::ExitKind::OutOfMemory:
      return "out-of-memory";
  }
  return "failed";
}

}  // namespace

StartCounts::Counts& StartCounts::of(const model::FunctionVersion& version) {
  Names names{version.environment, version.app_name, version.tag};
  const bool is_full = counts_.size() >= kMaxFunctions && !counts_.contains(names);
  return counts_[is_full ? Names{"", "_OTHER", "_OTHER"} : std::move(names)];
}

void StartCounts::started(
    const model::FunctionVersion& version, std::string_view kind, const scheduler::StartTimes& times) {
  Counts& counts = of(version);
  ++counts.starts[kind];
  const scheduler::StartPhases spans = scheduler::phases_of(times);
  counts.sandbox.observe(spans.sandbox);
  counts.import.observe(spans.import);
  counts.enter.observe(spans.enter);
}

void StartCounts::ended(const model::FunctionVersion& version, scheduler::ExitKind how, bool started) {
  ++of(version).exits[started ? reason_of(how) : "start-failed"];
}

void StartCounts::write(metrics::Page& page) const {
  auto& starts = page.family("bimodal_container_starts_total", "Containers that became warm", Type::Counter);
  auto& exits = page.family("bimodal_container_exits_total", "Containers that have ended", Type::Counter);
  auto& phases = page.family("bimodal_cold_start_seconds", "The phases of containers' starts", Type::Histogram);
  for (const auto& [names, counts] : counts_) {
    const auto& [environment, app, function] = names;
    auto with = [&](std::string_view name, std::string_view value) {
      return metrics::Labels{{"environment", environment}, {"app", app}, {"function", function}, {name, value}};
    };
    for (const auto& [kind, count] : counts.starts) starts.add(with("kind", kind), count);
    for (const auto& [reason, count] : counts.exits) exits.add(with("reason", reason), count);
    if (counts.starts.empty()) continue;
    auto add = [&](std::string_view phase, const metrics::Histogram& histogram) {
      metrics::Spread spread;
      histogram.add_to(spread);
      phases.add(with("phase", phase), spread);
    };
    add("sandbox", counts.sandbox);
    add("import", counts.import);
    add("enter", counts.enter);
  }
}

}  // namespace bimodal::runtime
