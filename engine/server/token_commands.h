// `bimodal token`, on the daemon's side. Loop-bound.
#pragma once

#include "server/commands.h"

namespace bimodal::control {
class ApiTokens;
}

namespace bimodal::server {

// `tokens` must outlive what is added.
void add_token_commands(control::ApiTokens& tokens, Commands& commands);

}  // namespace bimodal::server
