#include "server/pool_metrics.h"

#include <map>
#include <tuple>

namespace bimodal::server {
namespace {

struct Sum {
  std::int64_t starting = 0, idle = 0, busy = 0, draining = 0, waiting = 0;
};

using Names = std::tuple<std::string, std::string, std::string>;  // environment, app, function

class Sums {
 public:
  Sum& of(Names names) {
    const bool is_full = sums_.size() >= kMaxFunctions && !sums_.contains(names);
    return sums_[is_full ? Names{"", "_OTHER", "_OTHER"} : std::move(names)];
  }
  const std::map<Names, Sum>& all() const { return sums_; }

 private:
  std::map<Names, Sum> sums_;
};

Sums sums_of(const std::vector<scheduler::Functions::Load>& loads, const std::vector<runtime::TaskInfo>& tasks) {
  Sums sums;
  std::map<std::string, Sum*> by_id;
  for (const auto& [id, environment, app, tag, load] : loads) {
    Sum& sum = sums.of({environment, app, tag});
    by_id.emplace(id, &sum);
    sum.starting += load.starting;
    sum.idle += load.containers - load.busy;
    sum.busy += load.busy;
    sum.waiting += load.waiting;
  }
  for (const runtime::TaskInfo& task : tasks) {
    auto function = by_id.find(task.function_id);
    if (task.draining && function != by_id.end()) ++function->second->draining;
  }
  return sums;
}

}  // namespace

void write_pool_metrics(
    const std::vector<scheduler::Functions::Load>& loads, const std::vector<runtime::TaskInfo>& tasks,
    metrics::Page& page) {
  auto& containers = page.family("bimodal_containers", "Containers by state", metrics::Type::Gauge);
  auto& waiting = page.family(
      "bimodal_waiting_requests", "Requests and inputs in the queue of their function", metrics::Type::Gauge);
  const Sums sums = sums_of(loads, tasks);
  for (const auto& [names, sum] : sums.all()) {
    const auto& [environment, app, function] = names;
    const metrics::Labels labels{{"environment", environment}, {"app", app}, {"function", function}};
    auto add = [&](std::string_view state, std::int64_t count) {
      metrics::Labels with = labels;
      with.emplace_back("state", state);
      containers.add(with, count);
    };
    add("starting", sum.starting);
    add("idle", sum.idle);
    add("busy", sum.busy);
    add("draining", sum.draining);
    waiting.add(labels, sum.waiting);
  }
}

}  // namespace bimodal::server
