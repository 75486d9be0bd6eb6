#include "control/function_options.h"

#include <algorithm>
#include <limits>

#include "control/function_checks.h"
#include "control/function_version.h"
#include "rpc/fields.h"

namespace bimodal::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

int bounded(std::uint32_t number) {
  return static_cast<int>(std::min<std::uint32_t>(number, std::numeric_limits<int>::max()));
}

// Inputs per container, where each of the concurrent invocations takes a batch of them.
void apply_concurrency(const api::FunctionOptions& options, model::FunctionVersion& version) {
  model::ScalingPolicy& scaling = version.scaling;
  const int batch = std::max(1, version.batching.max_size);
  scaling.max_inputs /= batch;
  scaling.target_inputs /= batch;
  if (options.max_concurrent_inputs() > 0) {
    scaling.max_inputs = bounded(options.max_concurrent_inputs());
    scaling.target_inputs = 0;
  }
  if (options.target_concurrent_inputs() > 0) scaling.target_inputs = options.target_concurrent_inputs();
  if (options.batch_max_size() > 0) {
    version.batching = {bounded(options.batch_max_size()), milliseconds(options.batch_linger_ms())};
  }
  scaling.max_inputs *= std::max(1, version.batching.max_size);
  scaling.target_inputs *= std::max(1, version.batching.max_size);
}

// The fields that both kinds of messages spell alike.
void apply_inputs(const api::FunctionOptions& options, api::Function& definition) {
  if (options.max_concurrent_inputs() > 0) {
    definition.set_max_concurrent_inputs(options.max_concurrent_inputs());
    definition.clear_target_concurrent_inputs();
  }
  if (options.target_concurrent_inputs() > 0) {
    definition.set_target_concurrent_inputs(options.target_concurrent_inputs());
  }
  if (options.batch_max_size() == 0) return;
  definition.set_batch_max_size(options.batch_max_size());
  definition.set_batch_linger_ms(options.batch_linger_ms());
}

}  // namespace

std::string serialized_options(api::FunctionOptions options) {
  // The JavaScript client sends options without a value with every instance: resources with a GPU of no kind.
  api::Resources& resources = *options.mutable_resources();
  if (resources.gpu_config().ByteSizeLong() == 0) resources.clear_gpu_config();
  if (resources.ByteSizeLong() == 0) options.clear_resources();
  return options.SerializeAsString();  // has no maps, whose order could differ
}

Result<void> check_options(
    const api::FunctionOptions& options, const model::FunctionVersion& deployed, const Settings& settings) {
  const std::string object = "options of function '" + deployed.tag + "'";
  if (!deployed.has_plain_methods) {
    return error(
        Code::InvalidArgument,
        "{}: it is called over HTTP only, and its URL serves it as it was deployed; give the options to the decorator",
        object);
  }
  TRY_VOID(rpc::refuse_unknown_fields(object, options));
  TRY_VOID(rpc::refuse_fields(
      object, options, {{"mount_ids", ""}, {"warm_pool_size", "keep_warm="}, {"pinned_app_version", ""}}));
  if (options.batch_max_size() > 0 && !deployed.web_methods.empty()) {
    return error(Code::InvalidArgument, "{}: a class with web methods can't be batched", object);
  }
  api::Function asked;
  asked.set_function_name(deployed.tag);
  apply_options(options, asked);
  return check_supported(asked, settings);
}

void apply_options(const api::FunctionOptions& options, model::FunctionVersion& version) {
  if (options.replace_secret_ids()) version.secret_ids.clear();
  version.secret_ids.insert(version.secret_ids.end(), options.secret_ids().begin(), options.secret_ids().end());
  if (options.has_resources()) set_resources(options.resources(), version.resources);
  if (options.has_retry_policy()) version.retries = retries_of(options.retry_policy());
  if (options.timeout_secs() > 0) version.timeout = seconds(options.timeout_secs());
  model::ScalingPolicy& scaling = version.scaling;
  if (options.has_concurrency_limit()) scaling.max_containers = bounded(options.concurrency_limit());
  if (options.has_buffer_containers()) scaling.buffer_containers = bounded(options.buffer_containers());
  if (options.has_task_idle_timeout_secs()) scaling.scaledown_window = seconds(options.task_idle_timeout_secs());
  apply_concurrency(options, version);
}

void apply_options(const api::FunctionOptions& options, api::Function& definition) {
  if (options.replace_secret_ids()) definition.clear_secret_ids();
  definition.mutable_secret_ids()->MergeFrom(options.secret_ids());
  if (options.replace_volume_mounts()) definition.clear_volume_mounts();
  definition.mutable_volume_mounts()->MergeFrom(options.volume_mounts());
  if (options.replace_cloud_bucket_mounts()) definition.clear_cloud_bucket_mounts();
  definition.mutable_cloud_bucket_mounts()->MergeFrom(options.cloud_bucket_mounts());
  if (options.has_resources()) definition.mutable_resources()->MergeFrom(options.resources());
  if (options.has_retry_policy()) *definition.mutable_retry_policy() = options.retry_policy();
  if (options.timeout_secs() > 0) definition.set_timeout_secs(options.timeout_secs());
  if (options.has_concurrency_limit()) {
    definition.mutable_autoscaler_settings()->set_max_containers(options.concurrency_limit());
  }
  if (options.has_buffer_containers()) {
    definition.mutable_autoscaler_settings()->set_buffer_containers(options.buffer_containers());
  }
  if (options.has_task_idle_timeout_secs()) {
    definition.mutable_autoscaler_settings()->set_scaledown_window(options.task_idle_timeout_secs());
  }
  apply_inputs(options, definition);
}

}  // namespace bimodal::control
