#include "control/function_checks.h"

#include <algorithm>

#include "control/class_parameters.h"
#include "control/function_version.h"
#include "control/schedule.h"
#include "control/volume_paths.h"
#include "control/web_name.h"
#include "rpc/fields.h"
#include "scheduler/functions.h"

namespace bimodal::control {
namespace {

bool is_web(const api::WebhookConfig& config) {
  return config.type() != api::WEBHOOK_TYPE_UNSPECIFIED;
}

// The client's own limits of @modal.batched.
constexpr std::uint32_t kMaxBatch = 1000;
constexpr std::uint64_t kMaxLinger = 10 * 60 * 1000;  // ms

constexpr std::size_t kMaxDomain = 253;  // RFC 1035, as text
constexpr std::size_t kMaxLabel = 63;

bool is_domain_label(std::string_view label) {
  auto belongs = [](unsigned char c) { return std::isalnum(c) || c == '-'; };
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), belongs);
}

// At least two labels; one more in front may be "*".
bool is_domain(std::string_view name) {
  if (name.size() > kMaxDomain) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  int labels = 0;
  for (std::size_t dot = 0; dot != name.npos; ++labels) {
    dot = name.find('.');
    if (!is_domain_label(name.substr(0, dot))) return false;
    if (dot != name.npos) name.remove_prefix(dot + 1);
  }
  return labels >= 2;
}

Result<void> check_domain(const std::string& object, const std::string& name, const std::string& base_domain) {
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c >= 0x80; })) {
    return error(
        Code::InvalidArgument, "{}: custom_domains= has '{}'; write it as DNS has it, in Punycode (xn--…)", object,
        name);
  }
  if (!is_domain(name)) {
    return error(
        Code::InvalidArgument,
        "{}: custom_domains= has '{}', which is no domain name; write api.example.com, or *.example.com for all names "
        "directly below it",
        object, name);
  }
  if (!lower_case(name).ends_with("." + base_domain) && lower_case(name) != base_domain) return {};
  return error(
      Code::InvalidArgument,
      "{}: custom_domains= has '{}', which is under this server's base domain {}; choose such a name with label=",
      object, name, base_domain);
}

Result<void> check_web(const std::string& object, const api::WebhookConfig& config, const Settings& settings) {
  if (!is_web(config)) return {};
  for (const auto& domain : config.custom_domains()) {
    TRY_VOID(check_domain(object, domain.name(), settings.base_domain));
  }
  return {};
}

// Where this server has mounts of its own, or the client doesn't want any.
constexpr std::string_view kReservedPaths[] = {"/proc", "/dev", "/sys", "/etc", "/__modal", "/pkg"};

// Options that only matter where web requests are served: other calls aren't served at all yet.
Result<void> check_web_options(const std::string& object, const api::Function& function) {
  if (auto parameters = class_parameters(function.class_parameter_info()); !parameters) {
    return error(Code::InvalidArgument, "{}: {}", object, parameters.error().message);
  }
  return rpc::refuse_fields(
      object, function,
      {{"single_use_containers", "single_use_containers="},
       {"max_inputs", "max_inputs="},
       {"batch_max_size", "@modal.batched"}});
}

Result<void> check_server(const std::string& object, const api::Function& function) {
  if (!function.is_server()) {
    return rpc::refuse_fields(object, function, {{"http_config", "@modal.experimental.http_server"}});
  }
  const std::uint32_t port = function.http_config().port();
  if (port < 1 || port > 65535) return error(Code::InvalidArgument, "{}: port={} is no port", object, port);
  return rpc::refuse_fields(
      object, function.http_config(), {{"h2_enabled", "h2_enabled="}, {"lift_and_shift_config", ""}});
}

Result<void> check_concurrency(const std::string& object, const api::Function& function, const Settings& settings) {
  if (function.batch_max_size() > kMaxBatch || function.batch_linger_ms() > kMaxLinger) {
    return error(
        Code::InvalidArgument, "{}: @modal.batched takes at most max_batch_size={} and wait_ms={}", object, kMaxBatch,
        kMaxLinger);
  }
  const auto most = static_cast<std::uint32_t>(settings.max_inputs);
  if (function.max_concurrent_inputs() <= most && function.target_concurrent_inputs() <= most) return {};
  return error(
      Code::InvalidArgument, "{}: @modal.concurrent asks for {} inputs, more than {} (limits.max_inputs)", object,
      std::max(function.max_concurrent_inputs(), function.target_concurrent_inputs()), most);
}

Result<void> check_schedule(const std::string& object, const api::Function& function) {
  if (!function.has_schedule()) return {};
  if (auto schedule = Schedule::parse(function.schedule()); !schedule) {
    return error(Code::InvalidArgument, "{}: schedule=: {}", object, schedule.error().message);
  }
  if (!has_web_methods(function)) return {};
  return error(
      Code::InvalidArgument,
      "{}: schedule= is for functions that are called, this one answers web requests; let another one of the app have "
      "the schedule",
      object);
}

// What the user wrote as gpu=; empty when nothing.
std::string gpu_of(const api::Function& function) {
  const auto& gpu = function.resources().gpu_config();
  if (gpu.count() == 0 && gpu.gpu_type().empty()) return "";
  const std::string type = gpu.gpu_type().empty() || gpu.gpu_type() == "ANY" ? "any" : gpu.gpu_type();
  return gpu.count() > 1 ? fmt::format("{}:{}", type, gpu.count()) : type;
}

Result<void> check_gpu(const std::string& object, const api::Function& function, const Settings& settings) {
  const std::string gpu = gpu_of(function);
  if (gpu.empty() || !settings.gpu_required) return {};
  return error(
      Code::InvalidArgument,
      "{} asks for gpu=\"{}\", and this server gives no GPU to containers; leave gpu= out, or set gpu.required = false "
      "to have it run on the CPU",
      object, gpu);
}

api::Warning warning(std::string message) {
  api::Warning out;
  out.set_type(api::Warning::WARNING_TYPE_FUNCTION_CONFIGURATION);
  out.set_message(std::move(message));
  return out;
}

}  // namespace

Result<void> check_mount_path(const std::string& object, const api::VolumeMount& mount) {
  const std::string& path = mount.mount_path();
  auto normal = path.starts_with('/') ? volume_file_path(path) : Result<std::string>(error(Code::InvalidArgument, ""));
  bool allowed = normal && "/" + *normal == path && path != "/root" && path != "/tmp";
  for (const std::string_view reserved : kReservedPaths) {
    allowed = allowed && path != reserved && !path.starts_with(std::string(reserved) + "/");
  }
  if (!allowed) {
    return error(
        Code::InvalidArgument,
        "{}: volumes= can't mount a volume at '{}': use an absolute path outside of /proc, /dev, /sys, /etc, /pkg and "
        "/__modal, and not / or /root or /tmp",
        object, path);
  }
  TRY_VOID(volume_path(mount.sub_path()));
  return {};
}

Result<void> check_room(
    const std::string& object, model::Resources resources, const api::Resources& asked,
    const scheduler::Functions* functions) {
  set_resources(asked, resources);
  return functions ? functions->check_room(object, resources) : Result<void>();
}

Result<api::Function> chosen_function(const api::FunctionCreateRequest& request) {
  if (request.has_function()) return request.function();
  const api::FunctionData::RankedFunction* first = nullptr;
  for (const auto& candidate : request.function_data().ranked_functions()) {
    if (first == nullptr || candidate.rank() < first->rank()) first = &candidate;
  }
  if (first == nullptr) return error(Code::InvalidArgument, "FunctionCreate names no function definition");
  return first->function();
}

bool has_web_methods(const api::Function& function) {
  if (is_web(function.webhook_config())) return true;
  for (const auto& [name, method] : function.method_definitions()) {
    if (is_web(method.webhook_config())) return true;
  }
  return false;
}

Result<void> check_supported(const api::Function& function, const Settings& settings) {
  const std::string object = "function '" + function.function_name() + "'";
  TRY_VOID(check_concurrency(object, function, settings));
  TRY_VOID(check_gpu(object, function, settings));
  TRY_VOID(rpc::refuse_fields(
      object, function,
      {{"cloud_bucket_mounts", "CloudBucketMount"},
       {"s3_mounts", "S3 mounts"},
       {"shared_volume_mounts", "network_file_systems="},
       {"proxy_id", "proxy="},
       {"i6pn_enabled", "i6pn="},
       {"_experimental_group_size", "@modal.experimental.clustered"},
       {"_experimental_fabric_size", "@modal.experimental.clustered"},
       {"_experimental_task_templates", ""},
       {"_experimental_custom_scaling", ""},
       {"is_sessioned", "@modal.sessioned"},
       {"untrusted", "restrict_modal_access="},
       {"rate_limit", ""}}));
  TRY_VOID(check_server(object, function));
  TRY_VOID(check_schedule(object, function));
  for (const auto& mount : function.volume_mounts()) TRY_VOID(check_mount_path(object, mount));
  if (function.resources().rdma())
    return error(Code::InvalidArgument, "{}: rdma= is not supported by this server", object);
  if (function.network_access().network_access_type() == api::NetworkAccess::ALLOWLIST) {
    return error(
        Code::InvalidArgument, "{}: an allowlist of outbound addresses is not supported by this server", object);
  }
  TRY_VOID(check_web(object, function.webhook_config(), settings));
  for (const auto& [name, method] : function.method_definitions()) {
    TRY_VOID(check_web("method '" + name + "' of " + object, method.webhook_config(), settings));
  }
  if (has_web_methods(function)) TRY_VOID(check_web_options(object, function));
  return {};
}

std::vector<api::Warning> warnings_about(const api::Function& function, const Settings& settings) {
  std::vector<api::Warning> out;
  if (const std::string gpu = gpu_of(function); !gpu.empty()) {
    out.push_back(warning(fmt::format(
        "Function '{}' asks for gpu=\"{}\"; this server gives no GPU to containers, it will run on the CPU.",
        function.function_name(), gpu)));
  }
  const auto& resources = function.resources();
  if (!settings.unenforced_limits.empty() && (resources.memory_mb_max() > 0 || resources.milli_cpu_max() > 0)) {
    out.push_back(warning(fmt::format(
        "Function '{}' sets a limit that doesn't hold on this server: {}.", function.function_name(),
        settings.unenforced_limits)));
  }
  if (function.experimental_options_size() > 0) {
    out.push_back(warning(fmt::format(
        "Function '{}' sets experimental_options; they have no effect on this server.", function.function_name())));
  }
  return out;
}

}  // namespace bimodal::control
