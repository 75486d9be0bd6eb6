#include "scheduler/container_start.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

namespace bimodal::scheduler {

Task<void> ContainerStart::launch_into(
    std::optional<Started>& out, Launcher& launcher, model::FunctionVersionPtr version, HostCapacity* host,
    HostCapacity::Tenant& tenant) {
  HostCapacity::Reservation room;
  if (host) {
    waits_for_room_ = true;
    auto granted = co_await host->reserve(tenant);
    if (!granted) co_return;
    room = *std::move(granted);
    waits_for_room_ = false;
    if (auto pressure = host->pressure()) {
      out.emplace(Started{error(Code::ResourceExhausted, "{}", *pressure), {}});
      co_return;
    }
  }
  auto launched = co_await launcher.launch(std::move(version));
  out.emplace(Started{std::move(launched), std::move(room)});
}

void ContainerStart::give_up() {
  given_up_ = true;
  changed_.notify_all();
}

Task<void> ContainerStart::until_given_up(std::shared_ptr<ContainerStart> self) {
  while (!self->given_up_ && co_await self->changed_.wait(Deadline::never())) {
  }
}

Task<std::optional<Started>> ContainerStart::run(
    std::shared_ptr<ContainerStart> self, Launcher& launcher, model::FunctionVersionPtr version, HostCapacity* host,
    HostCapacity::Tenant& tenant) {
  using boost::asio::experimental::awaitable_operators::operator||;
  std::optional<Started> out;
  auto launching = self->launch_into(out, launcher, std::move(version), host, tenant);
  auto first = co_await (std::move(launching) || until_given_up(self));
  if (first.index() != 0 && out && !out->container) co_return std::nullopt;
  co_return out;
}

}  // namespace bimodal::scheduler
