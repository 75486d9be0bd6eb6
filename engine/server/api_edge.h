// The API as clients of other hosts reach it: at a name of its own on the https port (decision 0030).
#pragma once

#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "gateway/edge_settings.h"
#include "server/config.h"

namespace bimodal::server {

// "api.<base domain>".
std::string api_host(const Config& config);

// What the gateway does about it, and about the access log. `adopt` takes who comes; any gateway loop.
void set_edge(
    const Config& config, std::function<void(UniqueFd connection, std::string address)> adopt,
    gateway::EdgeSettings& edge);

// Into the log, where the API in clear is within reach of other hosts.
void warn_of_plain_api(const Config& config);

}  // namespace bimodal::server
