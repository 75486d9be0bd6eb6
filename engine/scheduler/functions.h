// The current pool of every published function, and the atomic switch between versions.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/pool.h"

namespace bimodal::scheduler {

// Stable for the life of a function id; the pool behind it changes at a publish. Any thread.
class FunctionHandle {
 public:
  // Null when the function's app is stopped. A caller to whom this pool answers Unavailable was overtaken by a
  // publish and asks again: the new pool is here before the old one closes.
  std::shared_ptr<Pool> pool() const {
    std::lock_guard lock(mutex_);
    return pool_;
  }

 private:
  friend class Functions;
  void set(std::shared_ptr<Pool> pool) {
    std::lock_guard lock(mutex_);
    pool_.swap(pool);
  }

  mutable std::mutex mutex_;
  std::shared_ptr<Pool> pool_;
};

enum class Switch {
  AtOnce,    // requests go to the new version now; `serve`, `recreate`
  WhenWarm,  // requests stay with the old version until one new container is warm; if that fails the old one stays.
             // An old version without a warm container is replaced at once.
};

// Control loop only, but for find(), exit_of(), kill_stuck() and retire(). Handles are kept for ever (some hundred
// bytes per function id).
class Functions {
 public:
  Functions(Launcher& launcher, boost::asio::any_io_executor control, PoolLimits limits);
  ~Functions();

  // Any thread. Null when never published.
  std::shared_ptr<FunctionHandle> find(const std::string& function_id) const;

  // Makes `versions` the whole set of functions of that app. Unchanged definition ids keep their pool; replaced and
  // removed pools drain in the background. With AtOnce a replaced function that had warm containers gets one
  // started at once, so that the next caller doesn't wait.
  void publish(const std::string& app_id, std::vector<model::FunctionVersionPtr> versions, Switch how);
  // Stops every function of the app; its handles stay, with no pool. Its containers drain at once (running requests
  // have the containers' exit grace); completes when they are gone.
  Task<void> stop(std::string app_id);
  // Any thread: kills that container soon, because a request in it outlived its time and can't be cancelled.
  void kill_stuck(std::string task_id);
  // Any thread: lets that container go soon, because what it serves is gone; running requests may end. `why` is one
  // line.
  void retire(std::string task_id, std::string why);
  // Any loop; completes on the caller's. How `container` ended; nothing when it hasn't by `deadline`.
  Task<std::optional<ContainerExit>> exit_of(std::shared_ptr<Container> container, Deadline deadline) const;
  // False when no pool has that container.
  bool stop_container(const std::string& task_id, bool graceful);
  bool update_scaling(const std::string& function_id, model::ScalingPolicy scaling);
  std::optional<PoolLoad> load(const std::string& function_id) const;

  // Drains everything within `grace`, then kills. Must finish before destruction.
  Task<void> close(Deadline grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::scheduler
