// One start of a container: waits for room on the host, then launches. May be given up meanwhile. Control loop.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "async/pulse.h"
#include "async/task.h"
#include "scheduler/host_capacity.h"
#include "scheduler/launcher.h"

namespace bimodal::scheduler {

struct Started {
  Result<std::shared_ptr<Container>> container;  // fails as Launcher::launch(), and with ResourceExhausted when the
                                                 // host is short of memory or processes
  HostCapacity::Reservation room;
};

class ContainerStart {
 public:
  explicit ContainerStart(const boost::asio::any_io_executor& control) : changed_(control) {}

  void give_up();
  bool waits_for_room() const { return waits_for_room_; }
  // Once. Nothing when the start was given up, unless a container came all the same. `host` may be null: there is room.
  static Task<std::optional<Started>> run(
      std::shared_ptr<ContainerStart> self, Launcher& launcher, model::FunctionVersionPtr version, HostCapacity* host,
      HostCapacity::Tenant& tenant);

 private:
  Task<void> launch_into(
      std::optional<Started>& out, Launcher& launcher, model::FunctionVersionPtr version, HostCapacity* host,
      HostCapacity::Tenant& tenant);
  static Task<void> until_given_up(std::shared_ptr<ContainerStart> self);

  Pulse changed_;
  bool given_up_ = false;
  bool waits_for_room_ = false;
};

}  // namespace bimodal::scheduler
