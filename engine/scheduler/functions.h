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

#include "scheduler/function_handle.h"
#include "scheduler/host_guest.h"
#include "scheduler/pool.h"

namespace bimodal::scheduler {

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
  // Stops every function of the app; its handles stay, with no pool. Its containers go as by Stop::Now; completes when
  // they are gone.
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
  // Whether that container was to go Now.
  bool was_stopped(const std::string& task_id) const;
  bool update_scaling(const std::string& function_id, model::ScalingPolicy scaling);
  // InvalidArgument that names `object` and the setting, when no container that asks for this could ever start here.
  Result<void> check_room(const std::string& object, const model::Resources& resources) const;
  // Room for what belongs to no function, as HostGuest::admit(). Null where nothing is reserved.
  Task<Result<std::shared_ptr<HostGuest>>> admit(
      model::FunctionVersion who, Deadline deadline, HostGuest::InVain in_vain) const;
  std::optional<PoolLoad> load(const std::string& function_id) const;
  // Of every function that is published: all of its pools together, those of variants and of a version to come as well.
  struct Load {
    std::string function_id, environment, app_name, tag;
    PoolLoad load;
  };
  std::vector<Load> loads() const;

  // Drains everything within `grace`, then kills. Must finish before destruction.
  Task<void> close(Deadline grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::scheduler
