// Which container or client is behind a connection that was accepted for gRPC. Thread-safe.
//
// gRPC names the peer of an adopted connection "fd:<number>". Numbers are given out in a circle, so that a call still
// in flight from a closed connection never finds its number in the hands of another container.
// A container that hoards connections would use up the daemon's descriptors, so that each has kMaxPerTask at most.
#pragma once

#include <sys/types.h>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::rpc {

// Who is at the other end. A container's has a task_id.
struct Peer {
  std::string task_id;
  std::string address;     // of a client, without its port
  bool over_edge = false;  // see Caller
};

class Connections {
 public:
  static constexpr int kMaxPerTask = 64;  // a client opens a handful

  // Moves `connection` to the descriptor number that becomes its identity, and makes it non-blocking, as gRPC wants it.
  // ResourceExhausted when the task has kMaxPerTask open ones.
  Result<UniqueFd> enlist(UniqueFd connection, std::string task_id);

  // The same for a client's connection, without that limit. `client` has no task_id.
  Result<UniqueFd> enlist_client(UniqueFd connection, Peer client);
  // Ends the connections of clients: gRPC sees them hang up once it has read what came.
  void cut_clients() const;

  // `name` as ServerContext::peer() gives it. Nobody for one that was never enlisted.
  Peer peer(const std::string& name) const;

 private:
  static constexpr int kFirst = 512;  // above what the daemon opens at start, below the smallest usual limit

  // gRPC closes connections without a word; whether one is still open shows by the socket behind its number.
  struct Entry {
    Peer peer;
    dev_t device = 0;
    ino_t socket = 0;
  };

  static bool is_open(int number, const Entry& entry);
  Result<UniqueFd> enlist_locked(UniqueFd connection, Peer peer);
  int count_open(const std::string& task_id) const;

  mutable std::mutex mutex_;
  int next_ = kFirst;
  std::unordered_map<int, Entry> entries_;  // by descriptor number, so that the system's limit is theirs
};

}  // namespace bimodal::rpc
