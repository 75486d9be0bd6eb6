// The containers of one function version, their free slots, and the requests that wait for one.
//
// Slots are handed out first come first served with late binding: a request meets a container only when that has a
// free slot. Gateways call try_acquire() and acquire() from any of their loops (a mutex inside, held for nanoseconds);
// containers are started and stopped on the control loop.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "model/model.h"
#include "scheduler/launcher.h"

namespace bimodal::scheduler {

class HostCapacity;

struct PoolLimits {
  int max_containers = 100;      // when the function names no maximum
  int max_starting = 100;        // containers of one pool that start at the same time; the others follow
  int max_waiting = 2000;        // requests that wait; more are refused with ResourceExhausted
  int max_parameter_sets = 100;  // pools of one class with parameters; those without containers give way to new ones
  std::chrono::milliseconds exit_grace =
      std::chrono::seconds(30);                                // of requests that a container doesn't know of itself
  std::chrono::milliseconds drain = std::chrono::seconds(30);  // of web requests in a container that is to go now
  std::chrono::milliseconds first_retry = std::chrono::seconds(1);  // after a failed start; doubles from then on
  std::chrono::milliseconds last_retry = std::chrono::seconds(60);
  int killed_starts = 3;         // in a row, until the requests of a deployed app that wait are told
  HostCapacity* host = nullptr;  // where containers reserve what they ask for; none: there is room for all
};

struct PoolLoad {
  int containers = 0;  // warm
  int busy = 0;        // of these, with requests
  int starting = 0;
  int running = 0;  // requests inside containers
  int waiting = 0;
};

// How one container is stopped. It gets no new work in any case.
enum class Stop {
  WhenEmpty,  // it goes once its requests have left it, at the latest after the function's timeout
  Now,        // it goes once its requests have left it; after PoolLimits::drain, with plain inputs alone at once, it is
              // told so: what runs then has the exit grace
  Kill,       // without those
};

struct ContainerSlots;
class Slots;

// One taken slot. Gives it back when destroyed, also when its container or its pool is gone. Movable, any thread.
class Lease {
 public:
  explicit Lease(std::shared_ptr<ContainerSlots> taken) : taken_(std::move(taken)) {}
  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&&) noexcept;
  ~Lease();
  const Container& container() const { return *shared_container(); }
  const std::shared_ptr<Container>& shared_container() const;
  // Since when its container is to leave: it was stopped, or its version replaced. Any thread.
  std::optional<Deadline::Clock::time_point> leaving_since() const;
  // The container is of no use any more: no other request is given to it. Whoever stops it must still be told.
  void retire_container();

 private:
  std::shared_ptr<ContainerSlots> taken_;
};

// Where in the queue a request waits: at the Front if it had a slot already and lost it with its container.
enum class QueueEnd { Back, Front };

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  // `control` is the loop that starts and stops containers. Begins min_containers at once. Any thread.
  static std::shared_ptr<Pool> create(
      model::FunctionVersionPtr version, Launcher& launcher, boost::asio::any_io_executor control, PoolLimits limits);
  ~Pool();

  const model::FunctionVersion& version() const;

  // Any thread. A free slot of a warm container, nullopt when there is none (or others wait already).
  // Requests with the same `affinity` go to the same container as long as that has a free slot, and its like are
  // there; 0: any.
  std::optional<Lease> try_acquire(std::uint64_t affinity = 0);
  // Any loop; completes on the caller's. Waits in the queue and has a container started when none is free. Fails with
  // ResourceExhausted (queue full), DeadlineExceeded, Cancelled, FailedPrecondition (the container can't start; the
  // message is the one-line reason), Aborted (the host has no room, or is short of memory or processes; the message
  // says what), Unavailable (pool closed: ask the function's handle for its pool again).
  // The Front is never full: no more requests come there than had a slot.
  Task<Result<Lease>> acquire(Deadline deadline, QueueEnd end = QueueEnd::Back);

  // Any thread. For a request that found no slot and doesn't wait: has a container started, as if it waited, and says
  // what is in the way. Nothing: no container is ready yet; ResourceExhausted: all are full; FailedPrecondition,
  // Aborted and Unavailable as of acquire().
  std::optional<Error> turn_away();

  PoolLoad load() const;  // any thread

  // Control loop only, from here on.
  void update_scaling(model::ScalingPolicy scaling);
  const model::ScalingPolicy& scaling() const;  // as it is now
  // Starts one container if none is warm or starting; completes when one is warm, or with why not.
  Task<Result<void>> warm_up();
  // False when it isn't this pool's.
  bool stop_container(const std::string& task_id, Stop how);
  // Whether that container is here and was to go Now.
  bool was_stopped(const std::string& task_id) const;
  // How long its requests may take when it is to go now.
  std::chrono::milliseconds stop_patience() const;
  // This one is to take the place of `predecessor`, which serves meanwhile. While it waits for room on the host, that
  // one makes way: idle containers at once, whatever its min_containers; after PoolLimits::drain busy ones, too, one
  // after the other, as by Stop::WhenEmpty.
  void succeed(const std::shared_ptr<Pool>& predecessor);
  // No new requests; those that wait get Unavailable. Containers go as by Stop::WhenEmpty, but as by Stop::Now no later
  // than `patience`. Completes when all are gone. close() or abort() must have completed before the last reference
  // goes; both may be called many times, also at once.
  Task<void> close(Deadline patience);
  // The same, but containers are killed at once.
  Task<void> abort();

 private:
  Pool() = default;
  struct State;
  std::shared_ptr<Slots> slots_;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::scheduler
