// Answers of redirected calls (gateway::KeptAnswer) on their way to the daemon that takes over.
#pragma once

#include <memory>
#include <optional>

#include "gateway/gateway.h"
#include "server/hand_over.h"

namespace bimodal::server {

// Sends them there; what fails is logged.
gateway::PassAnswer answers_to(std::shared_ptr<HandOverChannel> successor);
// Nothing, and a line in the log, when the message can't be read.
std::optional<gateway::KeptAnswer> answer_of(const HandOverMessage& message);

}  // namespace bimodal::server
