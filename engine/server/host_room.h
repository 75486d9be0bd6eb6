// What the daemon does about containers, and steps of builds, that need room on the host. Loop-bound.
#pragma once

#include <memory>
#include <string>

#include "async/task.h"
#include "model/model.h"
#include "scheduler/functions.h"

namespace bimodal::server {

class LogRoute;

// Says in the daemon's log, and in the app's, that a container waits for room.
void note_wait_for_room(LogRoute& logs, const model::FunctionVersion& version, const std::string& reason);

// For a step of an image build, as much as for a container that asks for nothing by name. Waits at most 10 s for idle
// containers to give way: those of apps that serve don't go for a build.
Task<std::shared_ptr<void>> room_for_build(const scheduler::Functions& functions);

}  // namespace bimodal::server
