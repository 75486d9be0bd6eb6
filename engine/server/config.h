// What the daemon is told at start: the merged result of defaults, configuration file, environment and flags.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gateway/gateway.h"
#include "scheduler/pool.h"
#include "server/acme_config.h"
#include "server/tls_config.h"

namespace bimodal::server {

struct Config {
  std::filesystem::path home;        // state.db, blobs/, layers/, logs/, keys/, run/
  std::filesystem::path layers;      // empty: <home>/layers; may be shared by several homes
  std::filesystem::path runner_dir;  // sitecustomize.py, bimodal_runner/, _runner.abi3.so
  std::filesystem::path init_path;   // bimodal-init
  std::string api = "127.0.0.1:6420";
  std::string web = "127.0.0.1:8080";
  TlsConfig tls;
  std::string admin = "127.0.0.1:6421";  // empty: no admin listener
  std::string base_domain = "localhost";
  std::string workspace = "local";
  std::string log_level = "info";  // debug, info, warning, error
  bool log_to_stderr = false;      // else <home>/daemon.log
  int gateway_loops = 0;           // 0: one per core
  AcmeConfig acme;
  bool has_https() const { return tls.is_on() || acme.enabled; }
  std::vector<std::string> public_addresses;  // of the host, where DNS records have to lead; empty: its own
  bool replace = false;                       // take over from the daemon that runs on this home, if there is one
  bool gpu_required = false;                  // refuse gpu= on a host without one instead of warning
  std::uint64_t log_bytes_per_app = std::uint64_t{64} << 20;
  gateway::GatewayLimits gateway{.requests_per_second = 200};
  bool access_log = false;  // <home>/logs/access.jsonl
  scheduler::PoolLimits pool;
  int max_inputs = 1000;                                                  // concurrent requests per container, at most
  int max_sandboxes = 100;                                                // that run at once
  std::chrono::milliseconds scaledown_window = std::chrono::seconds(60);  // of functions that name none
  int standby = 16;                                                       // images with containers in reserve
  int standby_ready = 2;                                                  // of each
  std::chrono::milliseconds standby_idle = std::chrono::minutes(10);
  std::uint64_t host_memory = 0;  // bytes that containers may reserve; 0: most of the host's
  int cpu_overcommit = 8;         // CPUs that containers may reserve, for each of the host's
  std::uint64_t min_available_memory = std::uint64_t{128} << 20;         // with less no container starts
  std::chrono::milliseconds heartbeat_limit = std::chrono::seconds(60);  // a container without one longer is killed
  std::chrono::milliseconds stalled_after = std::chrono::seconds(10);  // without an answer of its event loop; 0: never
  std::chrono::milliseconds exit_grace = std::chrono::seconds(30);
  std::chrono::milliseconds drain = std::chrono::seconds(30);  // for running requests, at shutdown
};

// Runs the daemon on the calling thread until SIGTERM or SIGINT, or fails to start with a one-line cause and remedy.
// Must be called before any thread exists. `ready` is called once, when everything answers.
Result<void> run(Config config, std::function<void()> ready);

}  // namespace bimodal::server
