// The daemon's account of itself, for `bimodal status`: JSON over the Unix socket <home>/account.sock, which only the
// home's owner may open. A connection is answered at once and closed.
//
//   {"apps": [{"app_id", "name", "environment", "state", "urls": […]}],
//    "containers": [{"task_id", "app_id", "function", "state"}],
//    "standbys": [{"app_id", "state"}],
//    "host": {"memory_mb", "reserved_memory_mb", "cpu_milli", "reserved_cpu_milli", "waiting": […]},
//    "functions": [{"environment", "app", "function", "requests", "server_errors", "p50_ms", "p99_ms"}],
//    "edge": see domains.h}
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gateway/traffic.h"
#include "scheduler/host_capacity.h"
#include "server/domains.h"

namespace bimodal::control {
class Registry;
}
namespace bimodal::runtime {
class Containers;
}

namespace bimodal::server {

// Control loop. `unenforced_limits` as in sandbox/cgroups.h.
std::string account_of(
    const control::Registry& registry, const runtime::Containers& containers,
    const scheduler::HostCapacity::Account& host, const std::vector<gateway::TrafficSummary>& traffic,
    const std::string& unenforced_limits, const DomainAccount& domains);

// Takes the place of a socket that a killed daemon left.
Result<UniqueFd> listen_for_account(const std::filesystem::path& home);

// Answers every connection with what `account` gives, until cancelled.
Task<void> serve_account(UniqueFd listener, std::function<std::string()> account);

// What the daemon of that home says, from another process. Blocks for at most 5 s. NotFound when no daemon answers.
Result<std::string> ask_account(const std::filesystem::path& home);

}  // namespace bimodal::server
