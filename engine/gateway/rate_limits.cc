#include "gateway/rate_limits.h"

#include <openssl/sha.h>
#include <sys/random.h>

#include <array>
#include <cstring>
#include <set>

#include "base/check.h"
#include "http/networks.h"

namespace bimodal::gateway {
namespace {

std::size_t cell_of(std::uint64_t network, std::uint64_t key, std::size_t cells) {
  const std::array<std::uint64_t, 2> keyed{key, network};
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(keyed.data()), sizeof keyed, digest.data());
  std::uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return number % cells;
}

}  // namespace

RateLimits::RateLimits(const GatewayLimits& limits)
    : per_second_(limits.requests_per_second),
      per_function_(limits.function_requests_per_second),
      per_client_(limits.client_requests_per_second) {
  const std::int64_t burst = std::chrono::nanoseconds(limits.requests_burst).count();
  workspace_rate_ = Gcra::Rate::of(per_second_, burst);
  function_rate_ = Gcra::Rate::of(per_function_, burst);
  client_rate_ = Gcra::Rate::of(per_client_, burst);
  CHECK(::getrandom(&key_, sizeof key_, 0) == sizeof key_);
  if (per_client_ > 0) clients_ = std::make_unique<Gcra[]>(kCells);
}

std::shared_ptr<Gcra> RateLimits::of_function(const std::string& function_id) {
  std::shared_ptr<Gcra>& function = functions_[function_id];
  if (!function) function = std::make_shared<Gcra>();
  return function;
}

void RateLimits::keep(const std::vector<model::Route>& routes) {
  std::set<std::string_view> routed;
  for (const model::Route& route : routes) routed.insert(route.function_id);
  std::erase_if(functions_, [&](const auto& entry) { return !routed.contains(entry.first); });
}

std::optional<RateExceeded> RateLimits::admit_client(const http::Address& client, std::int64_t now_ns) {
  if (!clients_) return std::nullopt;
  Gcra& cell = clients_[cell_of(http::client_network(client), key_, kCells)];
  const std::int64_t wait = cell.pass(client_rate_, now_ns);
  if (wait > 0) return RateExceeded{per_client_, "limits.client_requests_per_second", wait};
  return std::nullopt;
}

std::optional<RateExceeded> RateLimits::admit(Gcra& function, std::int64_t now_ns) {
  if (const std::int64_t wait = function.pass(function_rate_, now_ns); wait > 0) {
    return RateExceeded{per_function_, "limits.function_requests_per_second", wait};
  }
  if (const std::int64_t wait = workspace_.pass(workspace_rate_, now_ns); wait > 0) {
    return RateExceeded{per_second_, "limits.requests_per_second", wait};
  }
  return std::nullopt;
}

}  // namespace bimodal::gateway
