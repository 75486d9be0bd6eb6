// The containers of one function version, their free slots, and the requests that wait for one.
//
// Slots are handed out first come first served with late binding: a request meets a container only when that has a
// free slot. Gateways call try_acquire() and acquire() from any of their loops (a mutex inside, held for nanoseconds);
// containers are started and stopped on the control loop.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "model/model.h"
#include "scheduler/launcher.h"

namespace bimodal::scheduler {

struct PoolLimits {
  int max_containers = 100;  // when the function names no maximum
  int max_waiting = 2000;    // requests that wait; more are refused with ResourceExhausted
};

struct PoolLoad {
  int containers = 0;  // warm
  int starting = 0;
  int running = 0;  // requests inside containers
  int waiting = 0;
};

class Pool;

// One taken slot. Gives it back when destroyed. Movable, any thread.
class Lease {
 public:
  Lease(std::shared_ptr<Pool> pool, std::shared_ptr<Container> container);
  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&&) noexcept;
  ~Lease();
  const Container& container() const { return *container_; }
  const std::shared_ptr<Container>& shared_container() const { return container_; }

 private:
  std::shared_ptr<Pool> pool_;
  std::shared_ptr<Container> container_;
};

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  // `control` is the loop that starts and stops containers. Begins min_containers at once.
  static std::shared_ptr<Pool> create(
      model::FunctionVersionPtr version, Launcher& launcher, boost::asio::any_io_executor control, PoolLimits limits);
  ~Pool();

  const model::FunctionVersion& version() const;

  // Any thread. A free slot of a warm container, nullopt when there is none (or others wait already).
  std::optional<Lease> try_acquire();
  // Any loop; completes on the caller's. Waits in the queue and has a container started when none is free. Fails with
  // ResourceExhausted (queue full), DeadlineExceeded, Unavailable (pool closed), FailedPrecondition (the container
  // can't start; the message is the one-line reason).
  Task<Result<Lease>> acquire(Deadline deadline);

  PoolLoad load() const;  // any thread

  // Control loop only, from here on.
  void update_scaling(model::ScalingPolicy scaling);
  // Starts one container if none is warm; completes when one is, or with why not.
  Task<Result<void>> warm_up();
  // Stops giving new work to that container and lets it go. False when it isn't this pool's.
  bool stop_container(const std::string& task_id, bool graceful);
  // No new requests; waits for running ones, then for every container's exit. Waiting requests get Unavailable.
  Task<void> close();
  // The same, but containers are killed at once.
  Task<void> abort();

 private:
  friend class Lease;
  Pool() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::scheduler
