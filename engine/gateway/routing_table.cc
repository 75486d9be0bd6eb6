#include "gateway/routing_table.h"

#include <array>

#include "http/chars.h"
#include "http/target.h"

namespace bimodal::gateway {
namespace {

constexpr std::size_t kMaxName = 255;  // RFC 1035

}  // namespace

RoutingTable::RoutingTable(
    std::vector<model::Route> routes, const scheduler::Functions& functions, RateLimits& limits,
    TrafficTable& traffic) {
  entries_.reserve(routes.size());
  for (model::Route& route : routes) {
    has_wildcards_ |= route.host.starts_with("*.");
    std::string host = route.host;
    Entry entry{.route = std::move(route), .handle = nullptr, .rate = nullptr, .traffic = nullptr};
    entry.handle = functions.find(entry.route.function_id);
    entry.rate = limits.of_function(entry.route.function_id);
    entry.traffic = &traffic.of_route(entry.route, entry.handle.get());
    entries_.insert_or_assign(std::move(host), std::move(entry));
  }
}

const RoutingTable::Entry* RoutingTable::find(std::string_view host) const {
  std::string_view name = http::host_without_port(host);
  if (name.empty() || name.size() > kMaxName) return nullptr;
  std::array<char, kMaxName> lowered;
  for (std::size_t i = 0; i < name.size(); ++i) lowered[i] = http::lower(name[i]);
  name = {lowered.data(), name.size()};
  if (const Entry* entry = find_exact(name)) return entry;
  const std::size_t dot = name.find('.');
  if (!has_wildcards_ || dot == 0 || dot == std::string_view::npos) return nullptr;
  lowered[dot - 1] = '*';
  return find_exact(name.substr(dot - 1));
}

const RoutingTable::Entry* RoutingTable::find_exact(std::string_view name) const {
  auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace bimodal::gateway
