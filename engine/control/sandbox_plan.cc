#include "control/sandbox_plan.h"

#include "control/clock.h"
#include "control/container_environment.h"
#include "control/function_checks.h"
#include "control/function_version.h"
#include "control/image_records.h"
#include "control/mount_records.h"
#include "control/planner.h"
#include "control/secret_variables.h"
#include "rpc/fields.h"
#include "store/secret_table.h"

namespace bimodal::control {
namespace {

constexpr const char* kObject = "sandbox";
constexpr const char* kHome = "/root";
constexpr std::int64_t kMiB = 1 << 20;

// What a plan is made from, as the database has it.
struct Facts {
  ImageRecord image;
  std::vector<IdentifiedMount> mounts;
  store::Variables secrets;
};

Result<void> use_secret(
    store::Transaction& transaction, const store::SecretBox& box, const std::string& secret_id,
    store::Variables& variables) {
  store::SecretTable table(transaction, box);
  TRY(store::Variables own, table.variables(secret_id));
  for (auto& [name, value] : own) variables[name] = std::move(value);
  return table.mark_used(secret_id, unix_now());
}

Result<store::Variables> load_secrets(
    store::Transaction& transaction, const store::SecretBox& box, const std::vector<api::SecretSource>& sources) {
  store::Variables variables;
  for (const api::SecretSource& source : sources) {
    for (const auto& [name, value] : source.env().contents()) variables[name] = value;
    if (!source.secret_id().empty()) TRY_VOID(use_secret(transaction, box, source.secret_id(), variables));
  }
  return variables;
}

Result<Facts> gather(
    store::Transaction& transaction, const Context& context, const std::filesystem::path& layers,
    const SandboxWish& wish) {
  Facts facts;
  TRY(auto image, load_image(transaction, layers, wish.definition.image_id()));
  if (!image) {
    return error(Code::NotFound, "{}: no image {}: run the script again", kObject, wish.definition.image_id());
  }
  facts.image = *std::move(image);
  for (const std::string& mount_id : wish.definition.mount_ids()) {
    TRY(MountRecord mount, load_mount(transaction, mount_id));
    facts.mounts.emplace_back(mount_id, std::move(mount));
  }
  TRY(facts.secrets, load_secrets(transaction, context.secret_box, wish.secrets));
  return facts;
}

// That of a function which the shell stands for: its client's package comes with the runtime layer.
std::string needed_client(const Facts& facts) {
  if (facts.image.image->python.empty()) return "";
  for (const auto& [mount_id, mount] : facts.mounts) {
    if (!mount.client_version.empty()) return mount.client_version;
  }
  return "";
}

Result<std::vector<std::string>> command_of(const api::Sandbox& definition, const image::ImageConfig& image) {
  std::vector<std::string> argv = image.entrypoint;
  if (definition.entrypoint_args().empty()) {
    argv.insert(argv.end(), image.cmd.begin(), image.cmd.end());
  } else {
    argv.insert(argv.end(), definition.entrypoint_args().begin(), definition.entrypoint_args().end());
  }
  if (!argv.empty()) return argv;
  return error(
      Code::InvalidArgument,
      "{}: no command, and its image has none: name one, e.g. modal.Sandbox.create(\"sleep\", \"infinity\", …)",
      kObject);
}

void set_limits(const api::Sandbox& definition, runtime::CommandPlan& plan) {
  const api::Resources& resources = definition.resources();
  plan.memory_bytes = std::int64_t(resources.memory_mb_max()) * kMiB;
  plan.cpu_milli = static_cast<int>(resources.milli_cpu_max());
  plan.block_network =
      definition.block_network() || definition.network_access().network_access_type() == api::NetworkAccess::BLOCKED;
  plan.timeout = std::chrono::seconds(definition.timeout_secs());
  plan.idle_timeout = std::chrono::seconds(definition.idle_timeout_secs());
}

std::vector<api::SecretSource> by_id(const api::Sandbox& definition) {
  std::vector<api::SecretSource> sources;
  for (const std::string& secret_id : definition.secret_ids()) sources.emplace_back().set_secret_id(secret_id);
  if (definition.has_environment_variables()) {
    *sources.emplace_back().mutable_env() = definition.environment_variables();
  }
  return sources;
}

Result<void> check_terminal(const api::Sandbox& definition) {
  if (!definition.pty_info().enabled()) return {};
  return error(
      Code::InvalidArgument,
      "{}: pty= gives no terminal to a sandbox's own command on this server: start the command with "
      "sandbox.exec(…, pty=True) instead",
      kObject);
}

Result<void> check_network(const api::Sandbox& definition) {
  if (definition.open_ports().ports_size() > 0) {
    return error(
        Code::InvalidArgument,
        "{}: encrypted_ports=, unencrypted_ports= and h2_ports= are not supported by this server: serve HTTP from a "
        "function with @modal.web_server() instead",
        kObject);
  }
  if (definition.network_access().network_access_type() != api::NetworkAccess::ALLOWLIST) return {};
  return error(
      Code::InvalidArgument,
      "{}: an allowlist of outbound addresses is not supported by this server: use block_network=True, or none",
      kObject);
}

Result<void> check_resources(const api::Sandbox& definition, const Settings& settings) {
  const auto& gpu = definition.resources().gpu_config();
  const bool wants_gpu = gpu.count() > 0 || !gpu.gpu_type().empty();
  if (wants_gpu && settings.gpu_required) {
    return error(
        Code::InvalidArgument,
        "{}: this server gives no GPU to containers; leave gpu= out, or set gpu.required = false to have it run on the "
        "CPU",
        kObject);
  }
  if (definition.runtime() == "vm") {
    return error(Code::InvalidArgument, "{}: runtime=\"vm\" is not supported by this server: leave it out", kObject);
  }
  return {};
}

}  // namespace

Result<void> check_sandbox(const api::Sandbox& definition, const Settings& settings) {
  TRY_VOID(check_terminal(definition));
  TRY_VOID(check_network(definition));
  TRY_VOID(check_resources(definition, settings));
  TRY_VOID(rpc::refuse_fields(
      kObject, definition,
      {{"nfs_mounts", "network_file_systems="},
       {"s3_mounts", "S3 mounts"},
       {"cloud_bucket_mounts", "CloudBucketMount"},
       {"proxy_id", "proxy="},
       {"i6pn_enabled", "i6pn="},
       {"enable_snapshot", "_experimental_enable_snapshot="},
       {"custom_domain", "custom_domain="},
       {"include_oidc_identity_token", "include_oidc_identity_token="},
       {"include_x509_svid", ""},
       {"readiness_probe", "readiness_probe="},
       {"inbound_cidr_allowlist", "inbound_cidr_allowlist="},
       {"experimental_outbound_policy", "_experimental_outbound_policy="},
       {"outbound_policy", ""},
       {"experimental_options", "experimental_options="},
       {"experimental_options_v2", "experimental_options="},
       {"preload_path_prefixes", ""}}));
  for (const auto& mount : definition.volume_mounts()) TRY_VOID(check_mount_path(kObject, mount));
  return {};
}

std::vector<api::SecretSource> secrets_of(const api::SandboxCreateRequest& request) {
  return by_id(request.definition());
}

// Its sources hold the definition's secrets, too, in their place among the others.
std::vector<api::SecretSource> secrets_of(const api::SandboxCreateV2Request& request) {
  if (!request.secret_sources().empty()) return {request.secret_sources().begin(), request.secret_sources().end()};
  std::vector<api::SecretSource> sources = by_id(request.definition());
  if (request.has_ephemeral_secrets()) *sources.emplace_back().mutable_env() = request.ephemeral_secrets();
  return sources;
}

model::FunctionVersion guest_of(const SandboxWish& wish) {
  model::FunctionVersion guest;
  guest.app_id = wish.app_id;
  guest.app_name = wish.app_name;
  guest.environment = wish.environment;
  guest.tag = kObject;
  set_resources(wish.definition.resources(), guest.resources);
  return guest;
}

Task<Result<runtime::CommandPlan>> plan_sandbox(Context& context, Planner& planner, SandboxWish wish) {
  const std::filesystem::path layers = context.builder->layers_dir();
  const auto shared = std::make_shared<const SandboxWish>(std::move(wish));
  auto load = [&context, layers, shared](store::Transaction& transaction) -> Result<std::shared_ptr<const Facts>> {
    TRY(Facts facts, gather(transaction, context, layers, *shared));
    return std::make_shared<const Facts>(std::move(facts));
  };
  CO_TRY(auto facts, co_await context.transact(std::move(load)));
  const image::Image& image = *facts->image.image;
  runtime::CommandPlan plan;
  plan.app_id = shared->app_id;
  CO_TRY(plan.argv, command_of(shared->definition, image.config));
  for (const std::string& layer : image.layers) plan.layers.push_back(layers / layer);
  plan.env = sandbox_environment(image, facts->secrets);
  const std::string client = needed_client(*facts);
  if (!client.empty()) {
    CO_TRY(auto runtime, co_await context.builder->runtime_layer(image.python, client));
    plan.layers.push_back(std::move(runtime));
    set_python_path(plan.env);
  }
  auto materialise = [&context, layers, facts] { return mount_layers(context.blobs, layers, facts->mounts); };
  CO_TRY(auto mounts, co_await context.pool.run(std::move(materialise)));
  plan.layers.insert(plan.layers.end(), mounts.begin(), mounts.end());

  plan.env["MODAL_SANDBOX_ID"] = shared->sandbox_id;
  plan.env["MODAL_IMAGE_ID"] = shared->definition.image_id();
  plan.env["MODAL_ENVIRONMENT"] = shared->environment;
  plan.workdir = image.config.workdir.empty() ? kHome : image.config.workdir;
  if (!shared->definition.workdir().empty()) plan.workdir = shared->definition.workdir();
  plan.user = image.config.user;
  set_limits(shared->definition, plan);
  std::vector<api::VolumeMount> volumes(
      shared->definition.volume_mounts().begin(), shared->definition.volume_mounts().end());
  CO_TRY(plan.volumes, co_await planner.plan_volumes(std::move(volumes)));
  co_return plan;
}

}  // namespace bimodal::control
