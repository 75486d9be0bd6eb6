// How many connections each client's address has, so that one can't take them all. Thread-safe.
//
// An IPv6 network of 64 bits counts as one client.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "http/address.h"
#include "http/networks.h"

namespace bimodal::gateway {

class ClientCounts {
 public:
  // `most` 0: no limit, and nothing is counted.
  explicit ClientCounts(std::size_t most) : most_(most) {}

  bool may_come(const http::Address& client) const {
    if (most_ == 0) return true;
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(http::client_network(client));
    return found == open_.end() || found->second < most_;
  }

  void add(const http::Address& client) {
    if (most_ == 0) return;
    const std::lock_guard lock(mutex_);
    ++open_[http::client_network(client)];
  }

  void remove(const http::Address& client) {
    if (most_ == 0) return;
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(http::client_network(client));
    if (found != open_.end() && --found->second == 0) open_.erase(found);
  }

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::size_t> open_;  // of those with one, which the gateway's limit bounds
};

}  // namespace bimodal::gateway
