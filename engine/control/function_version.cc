#include "control/function_version.h"

#include <algorithm>
#include <map>

#include "base/ids.h"
#include "control/app_states.h"
#include "control/canonical_bytes.h"
#include "control/class_parameters.h"
#include "control/web_name.h"

namespace bimodal::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Of @app.server. It has no inputs, and so no timeout of them: a request may take as long as a function's longest. As
// many requests as come go to each container, unless max_concurrency= says how many.
constexpr auto kServerRequestTime = std::chrono::hours(24);
constexpr auto kServerGrace = seconds(30);
constexpr int kManyRequests = 1 << 20;

// "Cls" of the class service "Cls.*".
std::string class_name(const std::string& tag) {
  return tag.ends_with(".*") ? tag.substr(0, tag.size() - 2) : tag;
}

WebSpace web_space(const Home& home) {
  return {home.settings.workspace, home.environment.web_suffix, home.app.shown_name(), is_ephemeral(home.app)};
}

Result<WebAddress> web_address(
    const Home& home, const std::string& object, const std::string& method_name, const api::WebhookConfig& config) {
  TRY(auto name, web_name(web_space(home), object, config.requested_suffix(), config.ephemeral_suffix()));
  WebAddress out;
  out.truncated = name.truncated;
  out.method.method_name = method_name;
  out.method.kind = static_cast<model::WebKind>(config.type());
  out.method.host = name.label + "." + home.settings.base_domain;
  out.method.url = web_url(home.settings.web_scheme, out.method.host, home.settings.web_port);
  out.method.requires_proxy_auth = config.requires_proxy_auth();
  out.method.server_port = static_cast<std::uint16_t>(config.web_server_port());
  if (config.web_server_startup_timeout() > 0) {
    out.method.server_startup_timeout = milliseconds(static_cast<long>(config.web_server_startup_timeout() * 1000));
  }
  for (const auto& domain : config.custom_domains()) out.method.custom_domains.push_back(lower_case(domain.name()));
  return out;
}

// A server's only address: the port that it listens on.
Result<WebAddress> server_address(const Home& home, const api::Function& function) {
  TRY(auto name, web_name(web_space(home), function.function_name(), "", ""));
  const api::HTTPConfig& config = function.http_config();
  WebAddress out;
  out.truncated = name.truncated;
  out.method.kind = model::WebKind::AppServer;
  out.method.host = name.label + "." + home.settings.base_domain;
  out.method.url = web_url(home.settings.web_scheme, out.method.host, home.settings.web_port);
  out.method.requires_proxy_auth = !config.unauthenticated();
  out.method.server_port = static_cast<std::uint16_t>(config.port());
  return out;
}

bool is_web(const api::WebhookConfig& config) {
  return config.type() != api::WEBHOOK_TYPE_UNSPECIFIED;
}

bool has_plain_methods(const api::Function& function) {
  if (function.is_server()) return false;
  if (function.method_definitions().empty()) return !is_web(function.webhook_config());
  for (const auto& [name, method] : function.method_definitions()) {
    if (!is_web(method.webhook_config())) return true;
  }
  return false;
}

void set_server_times(const api::HTTPConfig& config, model::FunctionVersion& out) {
  out.timeout = kServerRequestTime;
  if (config.startup_timeout() > 0) out.startup_timeout = seconds(config.startup_timeout());
  // A deploy must not cut requests off where the user has said nothing.
  out.leave_patience = config.exit_grace_period() > 0 ? seconds(config.exit_grace_period()) : kServerGrace;
}

Result<model::ScalingPolicy> scaling_of(
    const Settings& settings, const api::Function& function, const api::AutoscalerSettings& later) {
  model::ScalingPolicy policy;
  policy.scaledown_window = settings.scaledown_window;
  policy.max_inputs = std::max(1, static_cast<int>(function.max_concurrent_inputs()));
  policy.target_inputs = function.target_concurrent_inputs();
  if (function.is_server() && function.max_concurrent_inputs() == 0) policy.max_inputs = kManyRequests;
  if (function.batch_max_size() > 0) {  // each of the concurrent invocations takes so many inputs
    policy.max_inputs *= static_cast<int>(function.batch_max_size());
    policy.target_inputs *= static_cast<int>(function.batch_max_size());
  }
  TRY(policy, with_settings(policy, function.autoscaler_settings()));
  return with_settings(policy, later);
}

}  // namespace

void set_resources(const api::Resources& asked, model::Resources& resources) {
  if (asked.milli_cpu() > 0) resources.cpu_milli = static_cast<int>(asked.milli_cpu());
  if (asked.memory_mb() > 0) resources.memory_mb = static_cast<int>(asked.memory_mb());
  if (asked.milli_cpu_max() > 0) resources.cpu_milli_max = static_cast<int>(asked.milli_cpu_max());
  if (asked.memory_mb_max() > 0) resources.memory_mb_max = static_cast<int>(asked.memory_mb_max());
  const api::GPUConfig& gpu = asked.gpu_config();
  if (gpu.count() > 0) resources.gpu = fmt::format("{}:{}", gpu.gpu_type(), gpu.count());
}

model::RetryPolicy retries_of(const api::FunctionRetryPolicy& policy) {
  return {
      .retries = static_cast<int>(policy.retries()),
      .backoff_coefficient = policy.backoff_coefficient() > 0 ? policy.backoff_coefficient() : 1,
      .initial_delay = milliseconds(policy.initial_delay_ms()),
      .max_delay = milliseconds(policy.max_delay_ms() > 0 ? policy.max_delay_ms() : 60'000)};
}

Result<std::vector<WebAddress>> web_addresses(const Home& home, const api::Function& function) {
  const std::string& tag = function.function_name();
  std::vector<WebAddress> out;
  if (function.is_server()) {
    TRY(auto address, server_address(home, function));
    out.push_back(std::move(address));
    return out;
  }
  if (is_web(function.webhook_config())) {
    TRY(auto address, web_address(home, tag, "", function.webhook_config()));
    out.push_back(std::move(address));
  }
  std::map<std::string, api::WebhookConfig> methods;
  for (const auto& [name, method] : function.method_definitions()) {
    if (is_web(method.webhook_config())) methods[name] = method.webhook_config();
  }
  for (const auto& [name, config] : methods) {
    TRY(auto address, web_address(home, class_name(tag) + "-" + name, name, config));
    out.push_back(std::move(address));
  }
  return out;
}

Result<model::ScalingPolicy> with_settings(model::ScalingPolicy base, const api::AutoscalerSettings& settings) {
  if (settings.has_min_containers()) base.min_containers = static_cast<int>(settings.min_containers());
  if (settings.has_max_containers()) base.max_containers = static_cast<int>(settings.max_containers());
  if (settings.has_buffer_containers()) base.buffer_containers = static_cast<int>(settings.buffer_containers());
  if (settings.has_scaledown_window()) base.scaledown_window = seconds(settings.scaledown_window());
  if (settings.has_scaleup_window()) base.scaleup_window = seconds(settings.scaleup_window());
  if (settings.has_target_concurrency_float()) base.target_inputs = settings.target_concurrency_float();
  if (base.max_containers > 0 && base.min_containers > base.max_containers) {
    return error(
        Code::InvalidArgument, "min_containers={} is more than max_containers={}", base.min_containers,
        base.max_containers);
  }
  return base;
}

Result<model::FunctionVersion> function_version(
    const Home& home, FunctionIds ids, const api::Function& function, const api::AutoscalerSettings& autoscaler) {
  model::FunctionVersion out;
  out.function_id = std::move(ids.function_id);
  out.definition_id = std::move(ids.definition_id);
  out.app_id = home.app.app_id;
  out.app_name = home.app.shown_name();
  out.environment = home.environment.name;
  out.tag = function.function_name();
  out.ephemeral = is_ephemeral(home.app);
  out.is_class = function.is_class();
  out.is_server = function.is_server();
  out.image_id = function.image_id();
  out.mount_ids.assign(function.mount_ids().begin(), function.mount_ids().end());
  out.secret_ids.assign(function.secret_ids().begin(), function.secret_ids().end());
  TRY(auto addresses, web_addresses(home, function));
  for (auto& address : addresses) out.web_methods.push_back(std::move(address.method));
  out.has_plain_methods = has_plain_methods(function);
  TRY(out.parameters, class_parameters(function.class_parameter_info()));
  TRY(out.scaling, scaling_of(home.settings, function, autoscaler));
  out.retries = retries_of(function.retry_policy());
  out.batching = {static_cast<int>(function.batch_max_size()), milliseconds(function.batch_linger_ms())};
  out.single_use = function.single_use_containers() || function.max_inputs() == 1;
  if (out.single_use && out.batching.max_size == 0) out.scaling.max_inputs = 1;
  set_resources(function.resources(), out.resources);
  out.block_network =
      function.block_network() || function.network_access().network_access_type() == api::NetworkAccess::BLOCKED;
  if (function.timeout_secs() > 0) out.timeout = seconds(function.timeout_secs());
  out.startup_timeout = function.startup_timeout_secs() > 0 ? seconds(function.startup_timeout_secs()) : out.timeout;
  if (function.is_server()) set_server_times(function.http_config(), out);
  return out;
}

std::string content_hash(const api::Function& function, const std::vector<std::string>& secret_fingerprints) {
  api::Function canonical = function;
  std::sort(canonical.mutable_mount_ids()->begin(), canonical.mutable_mount_ids()->end());
  canonical.clear_web_url();
  canonical.clear_web_url_info();
  canonical.clear_custom_domain_info();
  std::string content = canonical_bytes(canonical);
  for (const std::string& fingerprint : secret_fingerprints) content += fingerprint;
  return sha256_hex(content);
}

}  // namespace bimodal::control
