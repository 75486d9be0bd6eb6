#include "scheduler/host_guest.h"

#include <utility>

namespace bimodal::scheduler {

Task<Result<std::shared_ptr<HostGuest>>> HostGuest::admit(
    HostCapacity& host, model::FunctionVersion who, Deadline deadline, InVain in_vain) {
  const std::shared_ptr<HostGuest> guest(new HostGuest(std::move(who)));
  if (in_vain == InVain::Overdraws) {
    guest->room_ = co_await host.overdraw(*guest, deadline);
    co_return guest;
  }
  CO_TRY_VOID(host.check(guest->who_.tag, guest->who_.resources));
  auto room = co_await host.reserve(*guest, deadline);
  if (!room) {
    co_return error(
        Code::ResourceExhausted,
        "{}: end what runs, ask for less, or let containers have more (scheduler.host_memory, "
        "scheduler.cpu_overcommit)",
        host.lack_of(*guest));
  }
  guest->room_ = *std::move(room);
  co_return guest;
}

}  // namespace bimodal::scheduler
