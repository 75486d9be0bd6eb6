// The hot part of a pool: free slots of warm containers, and the requests that wait for one.
//
// Thread-safe; the mutex is held for nanoseconds and never while foreign code runs. Among containers below
// `target_inputs` the most recently used is taken, so that the others go idle and can be stopped; above the target
// the same among those with a free slot. Waiting requests are served first come first served, and meet their container
// only when it has a free slot.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "scheduler/autoscale.h"
#include "scheduler/launcher.h"
#include "scheduler/pool.h"

namespace bimodal::scheduler {

class Slots;

// Where a container stands: decides whether and when it is given requests.
enum class Shelf { BelowTarget, AboveTarget, Full, Retired };

// The slots of one warm container. All but the first three members are guarded by the mutex of `owner`.
struct ContainerSlots {
  std::shared_ptr<Container> container;
  std::shared_ptr<Slots> owner;
  std::uint64_t hash = 0;  // of its task id
  int running = 0;
  bool served = false;   // had a request, ever
  bool stalled = false;  // gets none now
  bool used = false;     // had a request since take_use()
  std::optional<TimePoint> leaving_since;
  TimePoint idle_since;
  Shelf shelf = Shelf::BelowTarget;
  std::list<std::shared_ptr<ContainerSlots>>::iterator place;
};
using ContainerSlotsPtr = std::shared_ptr<ContainerSlots>;

class Slots : public std::enable_shared_from_this<Slots> {
 public:
  struct Limits {
    int max_inputs = 1;
    int target_inputs = 1;
    int max_waiting = 2000;
  };

  // `name` stands in error messages. `ask` is called, from any thread, when the autoscaler should decide again; not
  // again before begin_decision(). While `*short_host`, it is called for every container that becomes idle.
  Slots(std::string name, Limits limits, std::function<void()> ask, const std::atomic<bool>* short_host = nullptr);

  // Any thread. Null when no slot is free, or others wait already. Among containers with a free slot, an `affinity`
  // other than 0 has one of its own, which it keeps while others come and go (rendezvous hashing).
  ContainerSlotsPtr try_take(std::uint64_t affinity = 0);
  // Any thread. As Pool::turn_away().
  std::optional<Error> turn_away();
  // Any loop; completes on the caller's. Fails as Pool::acquire() does.
  Task<Result<ContainerSlotsPtr>> take(Deadline deadline, QueueEnd end);
  void give_back(const ContainerSlotsPtr& taken);
  PoolLoad load() const;
  // No new requests for that container.
  void retire(const ContainerSlotsPtr& slots);
  // Since when it is to leave; nothing when it isn't, or ended unasked.
  std::optional<TimePoint> leaving_since(const ContainerSlots& slots) const;

  // The rest is for the control loop.

  ContainerSlotsPtr add(std::shared_ptr<Container> container);
  // Retires up to `count` containers without requests, longest idle first, and returns them.
  std::vector<ContainerSlotsPtr> retire_idle(int count);
  // retire(), for one that is to leave in order.
  void let_go(const ContainerSlotsPtr& slots);
  // The container is gone; leases on it may still come back.
  void remove(const ContainerSlotsPtr& slots);
  // Whether that container is to be given requests. One that isn't doesn't count for the autoscaler.
  void set_stalled(const ContainerSlotsPtr& slots, bool stalled);
  bool is_empty(const ContainerSlotsPtr& slots) const;  // no requests inside
  bool has_served(const ContainerSlotsPtr& slots) const;
  // Whether it had a request inside since the last call.
  bool take_use(const ContainerSlotsPtr& slots);

  void set_starting(int starting);
  void set_limits(Limits limits);
  // Takes note of everything that was asked for so far, and says how things stand.
  ScalingState begin_decision();
  // Of the decision that followed: see there.
  void apply(int enough_for, int capacity);
  // True when a container had its first request since the last call.
  bool take_proof();

  // Fails the waiting requests, and until `until` every new one that finds neither a warm nor a starting container.
  void refuse_until(TimePoint until, Error reason);
  // Fails the waiting requests and every later one.
  void close(Error reason);
  // Why no container is added now; requests whose wait ends meanwhile are told it. Nothing: none of that kind.
  void set_held_up(std::optional<std::string> reason);
  // The one with the fewest requests; null when there is none.
  ContainerSlotsPtr least_busy() const;
  // Since when the longest idle container is idle; nothing when none is.
  std::optional<TimePoint> longest_idle() const;

 private:
  struct Waiter;
  class QueuePlace;
  using WaiterPtr = std::shared_ptr<Waiter>;
  using Shelved = std::list<ContainerSlotsPtr>;

  Error lateness() const;
  Result<ContainerSlotsPtr> take_or_enqueue(const WaiterPtr& waiter, QueueEnd end);
  // With the mutex held:
  ContainerSlotsPtr take_locked(std::uint64_t affinity = 0);
  ContainerSlotsPtr next_locked(std::uint64_t affinity);
  bool none_is_warm_locked() const;
  void release_locked(ContainerSlots& slots);
  void place_locked(ContainerSlots& slots);
  void retire_locked(ContainerSlots& slots);
  void serve_waiters_locked(std::vector<WaiterPtr>& served);
  void fail_waiters_locked(const Error& reason, std::vector<WaiterPtr>& failed);
  bool should_ask_locked();
  bool has_needless_starts_locked() const;
  void note_demand_locked();
  Shelved& shelf(Shelf shelf) { return shelves_[static_cast<int>(shelf)]; }
  const Shelved& shelf(Shelf shelf) const { return shelves_[static_cast<int>(shelf)]; }

  const std::string name_;
  const std::function<void()> ask_;
  const std::atomic<bool>* const short_host_;
  mutable std::mutex mutex_;
  Limits limits_;
  Shelved shelves_[4];  // each: most recently used first
  std::list<WaiterPtr> waiting_;
  int running_ = 0;  // in containers that are not retired
  int running_retired_ = 0;
  int starting_ = 0;
  int enough_for_ = 0;
  int capacity_ = 0;
  std::optional<TimePoint> short_since_;  // since when the containers are not enough
  bool asked_ = false;
  bool turned_away_ = false;  // a request, since the last decision
  bool overflowed_ = false;   // the same, for want of a free slot; none has become free since
  bool proved_ = false;
  TimePoint refused_until_{};
  std::optional<Error> refusal_;
  std::optional<Error> closed_;
  std::optional<std::string> held_up_;
};

}  // namespace bimodal::scheduler
