// Which function a host name leads to. Immutable once built; shared between loops.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/rate_limits.h"
#include "gateway/traffic.h"
#include "model/model.h"
#include "scheduler/functions.h"

namespace bimodal::gateway {

class RoutingTable {
 public:
  struct Entry {
    model::Route route;
    std::shared_ptr<scheduler::FunctionHandle> handle;  // null: that function was never published
    std::shared_ptr<Gcra> rate;                         // of its requests
    FunctionTraffic* traffic = nullptr;                 // where they are counted
  };

  // `traffic` outlives the table.
  RoutingTable(
      std::vector<model::Route> routes, const scheduler::Functions& functions, RateLimits& limits,
      TrafficTable& traffic);

  // `host` as a request says it: any case, with or without port. The exact name wins over a wildcard; "*.example.com"
  // stands for exactly one label, as in certificates. Null when nothing is known about it.
  const Entry* find(std::string_view host) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  const Entry* find_exact(std::string_view name) const;

  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
  bool has_wildcards_ = false;
};

}  // namespace bimodal::gateway
