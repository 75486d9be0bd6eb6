#include "control/planner.h"

#include <utility>
#include <vector>

#include "control/app_records.h"
#include "control/canonical_bytes.h"
#include "control/clock.h"
#include "control/container_arguments.h"
#include "control/container_environment.h"
#include "control/function_options.h"
#include "control/image_records.h"
#include "control/mount_records.h"
#include "control/mounted_volume.h"
#include "control/named_objects.h"
#include "control/secret_variables.h"
#include "control/volume_paths.h"
#include "store/function_table.h"

namespace bimodal::control {
namespace {

// What a plan is made from, as the database has it.
struct Facts {
  api::Function definition;
  api::AppLayout layout;
  ImageRecord image;
  std::vector<IdentifiedMount> mounts;
  store::Variables secrets;
};

Result<api::Function> load_definition(store::Transaction& transaction, const model::FunctionVersion& version) {
  TRY(auto row, store::DefinitionTable(transaction).find(version.definition_id));
  api::Function definition;
  if (!row || !definition.ParseFromString(row->function)) {
    return error(
        Code::FailedPrecondition, "function '{}': its definition {} is gone; deploy the app again", version.tag,
        version.definition_id);
  }
  api::FunctionOptions options;
  options.ParseFromString(version.variant.options);
  apply_options(options, definition);
  return definition;
}

// The container's client takes what it knows of a volume from the layout.
Result<void> add_volumes(
    store::Transaction& transaction, const Settings& settings, const api::Function& definition,
    api::AppLayout& layout) {
  for (const auto& mount : definition.volume_mounts()) {
    TRY(auto volume, require_object(transaction, kVolume, mount.volume_id()));
    auto& object = *layout.add_objects();
    object.set_object_id(volume.object_id);
    describe(volume, settings, *object.mutable_volume_metadata());
    object.mutable_volume_metadata()->set_version(static_cast<api::VolumeFsVersion>(volume.version));
  }
  return {};
}

Result<ImageRecord> load_image_of(
    store::Transaction& transaction, const std::filesystem::path& layers, const model::FunctionVersion& version) {
  TRY(auto image, load_image(transaction, layers, version.image_id));
  if (!image) {
    return error(
        Code::FailedPrecondition, "function '{}': its image {} is gone; deploy the app again", version.tag,
        version.image_id);
  }
  if (image->image->python.empty()) {
    return error(
        Code::FailedPrecondition,
        "function '{}': its image {} has no Python that this server can use; base it on modal.Image.debian_slim()",
        version.tag, version.image_id);
  }
  return *std::move(image);
}

Result<Facts> gather(
    store::Transaction& transaction, const Context& context, const std::filesystem::path& layers,
    const model::FunctionVersion& version) {
  Facts facts;
  TRY(facts.definition, load_definition(transaction, version));
  TRY(auto app, require_app(transaction, version.app_id));
  TRY(facts.layout, app_layout(transaction, context.settings, app));
  TRY_VOID(add_volumes(transaction, context.settings, facts.definition, facts.layout));
  TRY(facts.image, load_image_of(transaction, layers, version));
  for (const std::string& mount_id : version.mount_ids) {
    TRY(MountRecord mount, load_mount(transaction, mount_id));
    facts.mounts.emplace_back(mount_id, std::move(mount));
  }
  TRY(facts.secrets, secret_variables(transaction, context.secret_box, version.secret_ids));
  for (const std::string& secret_id : version.secret_ids) {
    TRY_VOID(store::SecretTable(transaction, context.secret_box).mark_used(secret_id, unix_now()));
  }
  return facts;
}

Result<std::string> client_version(const model::FunctionVersion& version, const Facts& facts) {
  for (const auto& [mount_id, mount] : facts.mounts) {
    if (!mount.client_version.empty()) return mount.client_version;
  }
  return error(
      Code::FailedPrecondition,
      "function '{}' came without the client's own mount; deploy it with the official client, without "
      "MODAL_SYNC_ENTRYPOINT",
      version.tag);
}

}  // namespace

Task<Result<std::vector<runtime::PlannedVolume>>> Planner::plan_volumes(std::vector<api::VolumeMount> mounts) {
  std::vector<runtime::PlannedVolume> volumes;
  for (const auto& mount : mounts) {
    CO_TRY(std::string sub_path, volume_path(mount.sub_path()));
    runtime::PlannedVolume planned;
    planned.volume = std::make_shared<MountedVolume>(context_, trees_, mount.volume_id(), std::move(sub_path));
    planned.target = mount.mount_path();
    planned.read_only = mount.read_only();
    planned.background_commits = mount.allow_background_commits();
    CO_TRY(planned.tree, co_await planned.volume->newest());
    volumes.push_back(std::move(planned));
  }
  co_return volumes;
}

Task<Result<runtime::ContainerPlan>> Planner::plan(model::FunctionVersionPtr version, std::string task_id) {
  std::filesystem::path layers = context_.builder->layers_dir();
  auto load = [this, layers, version](store::Transaction& transaction) -> Result<std::shared_ptr<const Facts>> {
    TRY(Facts facts, gather(transaction, context_, layers, *version));
    return std::make_shared<const Facts>(std::move(facts));
  };
  CO_TRY(auto facts, co_await context_.transact(std::move(load)));
  CO_TRY(std::string client, client_version(*version, *facts));
  const image::Image& image = *facts->image.image;
  CO_TRY(std::filesystem::path runtime, co_await context_.builder->runtime_layer(image.python, client));
  auto materialise = [this, layers, facts] { return mount_layers(context_.blobs, layers, facts->mounts); };
  CO_TRY(auto mounts, co_await context_.pool.run(std::move(materialise)));

  std::vector<api::VolumeMount> volume_mounts(
      facts->definition.volume_mounts().begin(), facts->definition.volume_mounts().end());
  CO_TRY(auto volumes, co_await plan_volumes(std::move(volume_mounts)));

  runtime::ContainerPlan plan;
  plan.volumes = std::move(volumes);
  for (const std::string& layer : image.layers) plan.layers.push_back(layers / layer);
  plan.layers.push_back(std::move(runtime));
  plan.layers.insert(plan.layers.end(), mounts.begin(), mounts.end());
  if (!secrets_decide_the_start(facts->secrets)) {
    plan.reserve = {.layers = image.layers.size() + 1, .env = container_environment(*version, image, {})};
  }
  plan.env = container_environment(*version, image, facts->secrets);
  if (!image.config.workdir.empty()) plan.workdir = image.config.workdir;
  plan.user = image.config.user;
  plan.arguments = canonical_bytes(container_arguments(*version, task_id, facts->definition, facts->layout));
  co_return plan;
}

}  // namespace bimodal::control
