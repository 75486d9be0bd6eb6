// The current pool of every published function, and the atomic switch between versions.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/pool.h"

namespace bimodal::scheduler {

// Where the pool of a function, or of a class with certain arguments, is to be had. Any thread.
class PoolSource {
 public:
  virtual ~PoolSource() = default;
  // Null when the function's app is stopped. A caller to whom this pool answers Unavailable was overtaken by a
  // publish and asks again: the new pool is here before the old one closes.
  virtual std::shared_ptr<Pool> pool() = 0;
};

// Stable for the life of a function id; the pools behind it change at a publish. Any thread.
//
// A class with parameters has a pool for each set of arguments that was asked for lately; pool() is then only good for
// its version().
class FunctionHandle : public PoolSource, public std::enable_shared_from_this<FunctionHandle> {
 public:
  std::shared_ptr<Pool> pool() override;
  // The source of the pool of these arguments, one for each of the class's parameters. Unavailable when the app is
  // stopped; ResourceExhausted when PoolLimits::max_parameter_sets others have containers or requests.
  Result<std::shared_ptr<PoolSource>> bind(model::ClassArguments arguments);

 private:
  friend class Functions;
  using PoolPtr = std::shared_ptr<Pool>;
  class Bound;

  // Makes a pool; lets one go that has been replaced. Set when the handle is made.
  std::function<PoolPtr(model::FunctionVersionPtr)> make_;
  std::function<void(PoolPtr)> retire_;
  int max_sets_ = 0;

  // Returns the pools of arguments that go with the pool that was.
  std::vector<PoolPtr> set(PoolPtr pool);
  std::vector<PoolPtr> bound_pools() const;
  Result<PoolPtr> pool_of(const model::ClassArguments& arguments);
  bool make_room();

  mutable std::mutex mutex_;
  PoolPtr pool_;
  std::map<model::ClassArguments, PoolPtr> bound_;
};

enum class Switch {
  AtOnce,  // requests go to the new version now; `serve`, `recreate`. Those to a server (is_server), which can't wait,
           // once that has a warm container or failed to start
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
  // have the containers' exit grace, or a server's own); completes when they are gone.
  Task<void> stop(std::string app_id);
  // Any thread: kills that container soon, because a request in it outlived its time and can't be cancelled.
  void kill_stuck(std::string task_id);
  // Any thread: lets that container go soon, because what it serves is gone; running requests may end. `why` is one
  // line.
  void retire(std::string task_id, std::string why);
  // Any loop; completes on the caller's. How `container` ended; nothing when it hasn't by `deadline`.
  Task<std::optional<ContainerExit>> exit_of(std::shared_ptr<Container> container, Deadline deadline) const;
  // False when no pool has that container. A version that is to be replaced when the next is warm is replaced at once
  // when its last container goes.
  bool stop_container(const std::string& task_id, Stop how);
  bool update_scaling(const std::string& function_id, model::ScalingPolicy scaling);
  std::optional<PoolLoad> load(const std::string& function_id) const;

  // Drains everything within `grace`, then kills. Must finish before destruction.
  Task<void> close(Deadline grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::scheduler
