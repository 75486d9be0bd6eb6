#include "gateway/traffic.h"

#include <algorithm>

namespace bimodal::gateway {
namespace {

// Ids of `modal run` are new each time: only so many are remembered beyond their functions' end.
constexpr std::size_t kMaxIds = 4 * TrafficTable::kMaxFunctions;
constexpr int kMaxStatus = 999;

}  // namespace

Method method_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Method>, 9> kKnown = {{
      {"GET", Method::Get},
      {"POST", Method::Post},
      {"HEAD", Method::Head},
      {"PUT", Method::Put},
      {"DELETE", Method::Delete},
      {"OPTIONS", Method::Options},
      {"PATCH", Method::Patch},
      {"CONNECT", Method::Connect},
      {"TRACE", Method::Trace},
  }};
  for (const auto& [known, method] : kKnown) {
    if (name == known) return method;
  }
  return Method::Other;
}

void Answers::count(Method method, int status) {
  const auto code = static_cast<std::uint32_t>(std::clamp(status, 0, kMaxStatus));
  const std::uint32_t key = (static_cast<std::uint32_t>(method) << 10 | code) + 1;
  const std::uint32_t start = key * 0x9e3779b9u >> 27;  // kPairs is 2 to the 5th
  for (std::uint32_t i = 0; i < kPairs; ++i) {
    Pair& pair = pairs_[(start + i) % kPairs];
    const std::uint32_t taken = pair.key.load(std::memory_order_relaxed);
    if (taken == 0) pair.key.store(key, std::memory_order_relaxed);
    if (taken == 0 || taken == key) return pair.count.add();
  }
  beyond_.add();
}

void Answers::add_to(std::map<std::uint32_t, std::uint64_t>& totals) const {
  for (const Pair& pair : pairs_) {
    const std::uint32_t key = pair.key.load(std::memory_order_relaxed);
    if (key != 0) totals[key - 1] += pair.count.value();
  }
  if (beyond_.value() > 0) totals[kBeyond] += beyond_.value();
}

void Traffic::count_error(std::string_view code) {
  const auto known = std::find(kErrorCodes.begin(), kErrorCodes.end() - 1, code);
  errors[static_cast<std::size_t>(known - kErrorCodes.begin())].add();
}

void TrafficTable::prepare(std::size_t loops) {
  loops_.resize(loops);
  unrouted_ = &functions_.emplace_back(FunctionTraffic::Names(), loops);
  functions_.emplace_back(FunctionTraffic::Names{"", "_OTHER", "_OTHER"}, loops);
}

FunctionTraffic& TrafficTable::of_route(const model::Route& route, scheduler::FunctionHandle* handle) {
  const std::lock_guard guard(mutex_);
  if (auto known = by_id_.find(route.function_id); known != by_id_.end()) return *known->second;
  if (handle == nullptr) return unrouted();
  const auto pool = handle->pool();
  if (!pool) return unrouted();
  const model::FunctionVersion& version = (*pool)->version();
  FunctionTraffic& traffic = of_names({version.environment, version.app_name, version.tag});
  if (by_id_.size() >= kMaxIds) by_id_.clear();
  by_id_.emplace(route.function_id, &traffic);
  return traffic;
}

FunctionTraffic& TrafficTable::of_names(FunctionTraffic::Names names) {
  if (auto known = by_names_.find(names); known != by_names_.end()) return *known->second;
  if (by_names_.size() >= kMaxFunctions) return functions_[1];
  FunctionTraffic& made = functions_.emplace_back(names, loops_.size());
  by_names_.emplace(std::move(names), &made);
  return made;
}

}  // namespace bimodal::gateway
