// Room on the host for what belongs to no pool: a sandbox, a step of a build. Reserves like a pool's container, gives
// way to nobody, and gives the room back when destroyed. Loop-bound (control loop).
#pragma once

#include <memory>

#include "scheduler/host_capacity.h"

namespace bimodal::scheduler {

class HostGuest : private HostCapacity::Tenant {
 public:
  // What becomes of one that has found no room by its deadline.
  enum class InVain { Refused, Overdraws };

  // `who` names it (app_name/tag) and says what it asks for. Refused: ResourceExhausted, with what the host lacks and
  // the remedy; InvalidArgument when there can never be room. Overdraws: never fails.
  static Task<Result<std::shared_ptr<HostGuest>>> admit(
      HostCapacity& host, model::FunctionVersion who, Deadline deadline, InVain in_vain);

 private:
  explicit HostGuest(model::FunctionVersion who) : who_(std::move(who)) {}

  const model::FunctionVersion& tenant() const override { return who_; }
  std::optional<Deadline::Clock::time_point> spare_since() const override { return std::nullopt; }
  void give_way() override {}
  void room_changed() override {}

  const model::FunctionVersion who_;
  HostCapacity::Reservation room_;  // goes before who_
};

}  // namespace bimodal::scheduler
