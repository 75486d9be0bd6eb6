// The product's words as plain values: what a published function is, how it scales, where it answers.
//
// Nothing here does anything; every module may use it. Values are immutable once published and shared between threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/class_parameters.h"

namespace bimodal::model {

using namespace std::chrono_literals;

// How web requests reach the user's code; numbers as modal.client.WebhookType, which has none for @app.server.
enum class WebKind { None = 0, Asgi = 1, FastapiEndpoint = 2, Wsgi = 3, WebServer = 4, AppServer = 100 };

// Whether requests go to a server that listens on a port inside the container, past the runner.
constexpr bool listens_on_port(WebKind kind) {
  return kind == WebKind::WebServer || kind == WebKind::AppServer;
}

// One web method: a whole function, or one method of a class.
struct WebMethod {
  std::string method_name;  // empty for a function
  WebKind kind = WebKind::None;
  std::string host;  // "ws--app-fn.localhost", without port
  std::string url;   // as printed to users
  bool requires_proxy_auth = false;
  std::uint16_t server_port = 0;  // WebServer and AppServer only
  std::chrono::milliseconds server_startup_timeout = 5s;
  std::vector<std::string> custom_domains;
};

struct ScalingPolicy {
  int min_containers = 0;
  int max_containers = 0;  // 0: as many as the host allows (PoolLimits::max_containers)
  int buffer_containers = 0;
  std::chrono::milliseconds scaledown_window = 60s;
  std::chrono::milliseconds scaleup_window{0};  // how long there must be more requests than containers for them
  int max_inputs = 1;                           // concurrent requests per container
  double target_inputs = 0;                     // what the autoscaler steers to, not below 1; 0: max_inputs
};

struct Resources {
  int cpu_milli = 125;    // reserved
  int cpu_milli_max = 0;  // hard limit, 0: none asked for
  int memory_mb = 128;    // reserved
  int memory_mb_max = 0;  // hard limit, 0: none asked for
  std::string gpu;        // "", or what the user asked for, e.g. "L40S:1"
};

// When an input of a plain call is run again after the user's code failed.
struct RetryPolicy {
  int retries = 0;
  double backoff_coefficient = 1;
  std::chrono::milliseconds initial_delay = 1s;
  std::chrono::milliseconds max_delay = 60s;
};

// @modal.batched: inputs that are run by one invocation of the user's function.
struct Batching {
  int max_size = 0;  // 0: not batched
  std::chrono::milliseconds linger{0};
};

// One immutable definition of one function (or class service "Cls.*"). A publish makes it current.
struct FunctionVersion {
  std::string function_id;    // fu-…
  std::string definition_id;  // de-…
  std::string app_id;         // ap-…
  std::string app_name;       // description or deployed name, for messages
  std::string environment;
  std::string tag;  // "hello", "Cls.*"
  bool ephemeral = false;
  bool is_class = false;
  bool is_server =
      false;  // @app.server: its web method is the port that it listens on, and no request waits in a queue
  std::string image_id;
  std::vector<std::string> mount_ids;
  std::vector<std::string> secret_ids;
  std::vector<WebMethod> web_methods;      // empty: not a web function
  bool has_plain_methods = false;          // inputs other than web requests may come
  std::vector<ClassParameter> parameters;  // of a class: each set of arguments has a pool of its own
  Variant variant;                         // that this was derived for; none: as it was deployed
  bool single_use = false;                 // a container gets one input and goes
  ScalingPolicy scaling;
  RetryPolicy retries;
  Batching batching;
  Resources resources;
  bool block_network = false;
  std::chrono::milliseconds timeout = 300s;                 // per request
  std::optional<std::chrono::milliseconds> leave_patience;  // of requests in a container that goes; none: `timeout`
  std::chrono::milliseconds startup_timeout = 300s;         // until warm
};

using FunctionVersionPtr = std::shared_ptr<const FunctionVersion>;

// Where a host name leads. `stopped` hosts answer 404 "app for invoked web endpoint is stopped".
struct Route {
  std::string host;  // lower case, no port
  std::string function_id;
  std::string method_name;     // empty for a function
  std::string environment_id;  // a proxy token may be good in some only
  bool requires_proxy_auth = false;
  bool stopped = false;
};

enum class LogStream { Stdout = 1, Stderr = 2, System = 3 };  // numbers as modal.client.FileDescriptor

// One line (or part of one, ≤ 64 KiB) that a container or the platform said.
struct LogEntry {
  std::string app_id;
  std::string function_id;
  std::string task_id;
  std::string input_id;          // of the request that said it; empty: none, or not known
  std::string function_call_id;  // the same
  LogStream stream = LogStream::Stdout;
  std::string text;  // verbatim, with its newline
  std::chrono::system_clock::time_point at;
};

}  // namespace bimodal::model
