// What the client is told about a function: its handle, and its definition echoed with the URLs (protocol §3.4, §8.1).
// Pure functions.
#pragma once

#include <string>
#include <vector>

#include "control/api.h"
#include "control/function_version.h"

namespace bimodal::control {

// Arguments and results up to this size travel inline instead of as blobs.
inline constexpr std::uint64_t kMaxInlineBytes = 2 << 20;

api::FunctionHandleMetadata handle_metadata(
    const api::Function& function, const FunctionIds& ids, const std::string& app_id,
    const std::vector<WebAddress>& addresses);

// For code inside a container, which can't pass on blobs: everything travels inline.
void lift_size_limits(api::FunctionHandleMetadata& metadata);

// `function` with the URLs filled in and without the pickled code, which only makes the answer large. `stolen` lists
// hosts that were taken from another ephemeral app.
api::Function echo(
    api::Function function, const std::vector<WebAddress>& addresses, const std::vector<std::string>& stolen);

// The same as the list of choices that the client parses since 1.6.
api::FunctionData echo_data(const api::Function& echoed);

}  // namespace bimodal::control
