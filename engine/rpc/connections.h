// Which container is behind an adopted connection. Thread-safe.
//
// gRPC names the peer of an adopted connection "fd:<number>". Numbers are given out in a circle, so that a call still
// in flight from a closed connection never finds its number in the hands of another container.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::rpc {

class Connections {
 public:
  // Moves `connection` to the descriptor number that becomes its identity, and makes it non-blocking, as gRPC wants it.
  Result<UniqueFd> enlist(UniqueFd connection, std::string task_id);

  // `peer` as ServerContext::peer() gives it. Nullopt for a peer from the network.
  std::optional<std::string> task_of(const std::string& peer) const;

 private:
  static constexpr int kFirst = 512;  // above what the daemon opens at start, below the smallest usual limit

  mutable std::mutex mutex_;
  int next_ = kFirst;
  std::unordered_map<std::string, std::string> task_by_peer_;  // one entry per descriptor number at most
};

}  // namespace bimodal::rpc
