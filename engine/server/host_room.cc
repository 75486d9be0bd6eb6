#include "server/host_room.h"

#include "base/log.h"
#include "server/log_route.h"

namespace bimodal::server {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);

}  // namespace

void note_wait_for_room(LogRoute& logs, const model::FunctionVersion& version, const std::string& reason) {
  log::warning("a container waits: {}", reason);
  if (version.app_id.empty()) return;
  logs.add({
      .app_id = version.app_id,
      .function_id = version.function_id,
      .task_id = "",
      .input_id = "",
      .function_call_id = "",
      .stream = model::LogStream::System,
      .text = "container: waits for room: " + reason + "\n",
      .at = std::chrono::system_clock::now(),
  });
}

Task<std::shared_ptr<void>> room_for_build(const scheduler::Functions& functions) {
  model::FunctionVersion build;
  build.app_name = "image";
  build.tag = "build";
  const Deadline deadline = Deadline::after(kPatience);
  auto entering = functions.admit(std::move(build), deadline, scheduler::HostGuest::InVain::Overdraws);
  auto room = co_await std::move(entering);
  if (!room) co_return nullptr;
  co_return *std::move(room);
}

}  // namespace bimodal::server
