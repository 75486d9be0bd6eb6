// How many requests may come: of the whole workspace, of each function, of each client's address. Thread-safe.
//
// What a limit refuses doesn't count for that limit, nor for those that are asked later.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/gateway.h"
#include "gateway/gcra.h"
#include "http/address.h"
#include "model/model.h"

namespace bimodal::gateway {

// The limit that a request ran into.
struct RateExceeded {
  std::int64_t per_second = 0;
  std::string_view setting;   // "limits.requests_per_second", …
  std::int64_t retry_ns = 0;  // until a request would pass
};

class RateLimits {
 public:
  explicit RateLimits(const GatewayLimits& limits);

  // One of each function that has a route, the same as long as it has one. Calls must not overlap.
  std::shared_ptr<Gcra> of_function(const std::string& function_id);
  void keep(const std::vector<model::Route>& routes);  // forgets the functions without one

  // Before anything is known of the request but where it comes from.
  std::optional<RateExceeded> admit_client(const http::Address& client, std::int64_t now_ns);
  // Once it may call the function.
  std::optional<RateExceeded> admit(Gcra& function, std::int64_t now_ns);

 private:
  // Addresses share cells by a keyed hash, so that memory is bounded and nobody can aim at another's cell. An IPv6
  // network of 64 bits counts as one client (RFC 4291 §2.5.4: who has one address has them all).
  static constexpr std::size_t kCells = std::size_t{1} << 16;

  std::int64_t per_second_, per_function_, per_client_;
  Gcra::Rate workspace_rate_, function_rate_, client_rate_;
  Gcra workspace_;
  std::map<std::string, std::shared_ptr<Gcra>> functions_;
  std::uint64_t key_;
  std::unique_ptr<Gcra[]> clients_;  // null without a limit
};

}  // namespace bimodal::gateway
