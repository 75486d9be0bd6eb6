// A web request's messages between the product's form and the client's: Asgi messages in data chunks (protocol §10.6).
// Pure functions.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "control/api.h"
#include "runtime/web_messages.h"

namespace bimodal::control {

api::DataChunk chunk_of(runtime::WebInput input, std::uint64_t index);

// InvalidArgument for a chunk that holds no message of a response or of a WebSocket.
Result<runtime::WebOutput> output_in(api::DataChunk chunk);

}  // namespace bimodal::control
