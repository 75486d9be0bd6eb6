// What `bimodal status` shows: the daemon's addresses, its apps and their containers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/state_files.h"

namespace bimodal::cli {

struct AppStatus {
  std::string app_id;
  std::string name;
  std::string environment;
  std::string state;  // "deployed", "ephemeral"
  std::vector<std::string> urls;
};

struct ContainerStatus {
  std::string task_id;
  std::string app_id;
  std::string function;  // "hello"
  std::string state;     // "starting", "warm", "draining"
};

// A container in reserve.
struct StandbyStatus {
  std::string app_id;
  std::string state;     // "loading", "ready", "parked"
  std::string unforked;  // why containers of that image can't be forked; empty: they are
};

// What containers can reserve, and have reserved.
struct HostStatus {
  std::int64_t memory_mb = 0, reserved_memory_mb = 0;
  std::int64_t cpu_milli = 0, reserved_cpu_milli = 0;
  std::vector<std::string> waiting;  // for room, and why
};

// The web requests of a function since the daemon's start.
struct FunctionStatus {
  std::string environment, app, function;
  std::uint64_t requests = 0, server_errors = 0;
  double p50_ms = 0, p99_ms = 0;
};

// A name whose certificate can't be had at the moment.
struct CertificateTrouble {
  std::string name, reason;
};

struct DaemonStatus {
  std::filesystem::path home;
  std::optional<server::DaemonInfo> info;  // none: no daemon answers
  std::vector<AppStatus> apps;
  std::vector<ContainerStatus> containers;
  std::vector<StandbyStatus> standbys;
  HostStatus host;
  std::vector<FunctionStatus> functions;  // that had requests
  std::vector<CertificateTrouble> certificates;
  std::string unenforced_limits;  // which limits no container has on this host; empty: none
};

// Reads the daemon's own account (server/account.h). Blocks for at most some seconds.
Result<DaemonStatus> ask_status(const std::filesystem::path& home);

// The lists of `status` from that JSON; DataLoss when it isn't such.
Result<void> read_account(const std::string& json, DaemonStatus& status);

std::string as_text(const DaemonStatus& status);
std::string as_json(const DaemonStatus& status);

}  // namespace bimodal::cli
