// RPCs of the protocol that this server doesn't offer, and what it says to those who call them. Pure function.
#pragma once

#include <string_view>

#include "base/result.h"

namespace bimodal::rpc {

// Unimplemented, with one sentence on what to do instead where there is something; NotFound for what can only be looked
// up and never exists here.
Error refusal_of(std::string_view rpc);

}  // namespace bimodal::rpc
