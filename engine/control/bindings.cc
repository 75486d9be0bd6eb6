#include "control/bindings.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "control/app_records.h"
#include "control/class_parameters.h"
#include "control/clock.h"
#include "control/function_checks.h"
#include "control/function_metadata.h"
#include "control/function_options.h"
#include "control/named_objects.h"
#include "store/secret_table.h"

namespace bimodal::control {
namespace {

using BindingPtr = std::shared_ptr<const store::Binding>;

Result<model::Variant> variant_of(const model::FunctionVersion& deployed, const store::Binding& binding) {
  model::Variant variant{.options = binding.options};
  if (!deployed.parameters.empty()) {
    TRY(variant.arguments, class_arguments(deployed.parameters, binding.parameters));
  } else if (deployed.is_class) {
    variant.constructor = binding.parameters;
  } else if (!binding.parameters.empty()) {
    return error(Code::InvalidArgument, "function '{}' is no class, and has no parameters", deployed.tag);
  }
  return variant;
}

Result<model::FunctionVersion> derive(const store::Binding& binding, const model::FunctionVersion& deployed) {
  model::FunctionVersion out = deployed;
  TRY(out.variant, variant_of(deployed, binding));
  out.scaling.min_containers = 0;
  api::FunctionOptions options;
  if (!options.ParseFromString(binding.options)) {
    return error(Code::DataLoss, "the options of {} are damaged", binding.bound_id);
  }
  apply_options(options, out);
  return out;
}

Result<std::shared_ptr<scheduler::Pool>> pool_of(scheduler::FunctionHandle& handle, const BindingPtr& binding) {
  TRY(auto deployed, handle.pool());
  TRY(auto variant, variant_of(deployed->version(), *binding));
  auto make = [binding](const model::FunctionVersion& version) { return derive(*binding, version); };
  return handle.pool_of(variant, make);
}

class BoundSource : public scheduler::PoolSource {
 public:
  BoundSource(std::shared_ptr<scheduler::FunctionHandle> handle, BindingPtr binding)
      : handle_(std::move(handle)), binding_(std::move(binding)) {}

  Result<std::shared_ptr<scheduler::Pool>> pool() override { return pool_of(*handle_, binding_); }

 private:
  const std::shared_ptr<scheduler::FunctionHandle> handle_;
  const BindingPtr binding_;
};

Result<void> check_size(const std::string& object, std::string_view what, const std::string& bytes) {
  if (bytes.size() <= Bindings::kMaxBytes) return {};
  return error(
      Code::InvalidArgument,
      "{}: its {} take {} bytes, {} are the most; hand large values to a method, or keep them in a Volume or a Dict",
      object, what, bytes.size(), Bindings::kMaxBytes);
}

// A container that can't start because of them would be a riddle to its caller.
Result<void> check_objects(store::Transaction& transaction, const Context& context, const std::string& serialized) {
  api::FunctionOptions options;
  options.ParseFromString(serialized);
  for (const std::string& secret_id : options.secret_ids()) {
    TRY(auto secret, store::SecretTable(transaction, context.secret_box).find(secret_id));
    if (!secret) return error(Code::NotFound, "Secret {} not found", secret_id);
  }
  for (const auto& mount : options.volume_mounts()) {
    TRY_VOID(require_object(transaction, kVolume, mount.volume_id()));
  }
  return {};
}

Result<api::FunctionHandleMetadata> metadata_of(
    store::Transaction& transaction, const Settings& settings, const model::FunctionVersion& version) {
  TRY(auto app, require_app(transaction, version.app_id));
  TRY(auto functions, published_functions(transaction, settings, app));
  for (const FunctionRecord& record : functions) {
    if (record.ids.function_id != version.function_id) continue;
    auto metadata = handle_metadata(record.function, record.ids, app.app_id, record.addresses);
    metadata.set_base_function_id(version.function_id);
    return metadata;
  }
  return error(Code::NotFound, "Function {} is not published any more", version.function_id);
}

// No two variants have the same one.
std::string bound_id(const store::Binding& binding) {
  const std::string sizes = fmt::format("{} {}", binding.parameters.size(), binding.options.size());
  return content_id("fu", binding.function_id + "\n" + sizes + "\n" + binding.parameters + binding.options);
}

}  // namespace

Bindings::Bindings(Context& context, const Registry& registry, rpc::Service& service)
    : context_(context), registry_(registry) {
  service.mutation("FunctionBindParams", this, &Bindings::bind);
}

Task<Result<void>> Bindings::recover() {
  auto work = [](store::Transaction& transaction) { return store::BindingTable(transaction).list(); };
  CO_TRY(auto all, co_await context_.transact(std::move(work)));
  for (store::Binding& binding : all) remember(std::move(binding));
  co_return Result<void>();
}

// Lets the oldest tenth go when there are too many.
void Bindings::remember(store::Binding binding) {
  const std::string id = binding.bound_id;
  bindings_.insert_or_assign(id, std::make_shared<const store::Binding>(std::move(binding)));
  if (bindings_.size() <= kMost) return;
  std::vector<double> times;
  for (const auto& [bound, kept] : bindings_) times.push_back(kept->created_at);
  auto tenth = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 10);
  std::nth_element(times.begin(), tenth, times.end());
  std::erase_if(bindings_, [&](const auto& entry) { return entry.second->created_at < *tenth; });
}

model::FunctionVersionPtr Bindings::version(const std::string& function_id) const {
  auto found = bindings_.find(function_id);
  if (found == bindings_.end()) return registry_.function(function_id);
  auto deployed = registry_.function(found->second->function_id);
  if (!deployed) return nullptr;
  auto bound = derive(*found->second, *deployed);
  if (!bound) return nullptr;  // the class has other parameters now
  return std::make_shared<const model::FunctionVersion>(*std::move(bound));
}

std::shared_ptr<scheduler::PoolSource> Bindings::source(const std::string& function_id) const {
  auto found = bindings_.find(function_id);
  if (found == bindings_.end()) {
    return registry_.function(function_id) ? context_.functions->find(function_id) : nullptr;
  }
  auto handle = context_.functions->find(found->second->function_id);
  if (!handle) return nullptr;
  return std::make_shared<BoundSource>(std::move(handle), found->second);
}

Task<Result<api::FunctionBindParamsResponse>> Bindings::bind(rpc::Call call, api::FunctionBindParamsRequest request) {
  const auto version = registry_.function(request.function_id());
  if (!version)
    co_return error(Code::NotFound, "Function {} is not published, or its app is stopped", request.function_id());
  store::Binding binding;
  binding.function_id = request.function_id();
  binding.parameters = request.serialized_params();
  binding.options = serialized_options(request.function_options());
  binding.created_at = unix_now();
  binding.bound_id = bound_id(binding);
  const std::string object = "function '" + version->tag + "'";
  CO_TRY_VOID(check_size(object, "class parameters", binding.parameters));
  CO_TRY_VOID(check_size(object, "options", binding.options));
  if (!binding.options.empty()) CO_TRY_VOID(check_options(request.function_options(), *version, context_.settings));
  const api::Resources& asked = request.function_options().resources();
  CO_TRY_VOID(check_room("options of " + object, version->resources, asked, context_.functions));
  CO_TRY(auto variant, variant_of(*version, binding));
  const bool is_base = variant.is_none();
  const auto kept = std::make_shared<const store::Binding>(binding);
  auto handle = is_base ? nullptr : context_.functions->find(version->function_id);
  if (handle) CO_TRY_VOID(pool_of(*handle, kept));
  auto work = [this, kept, version, is_base](store::Transaction& transaction) -> Result<api::FunctionHandleMetadata> {
    TRY_VOID(check_objects(transaction, context_, kept->options));
    if (!is_base) TRY_VOID(store::BindingTable(transaction).keep(*kept, kMost));
    return metadata_of(transaction, context_.settings, *version);
  };
  api::FunctionBindParamsResponse response;
  CO_TRY(*response.mutable_handle_metadata(), co_await context_.transact(std::move(work)));
  if (call.caller.kind == rpc::Caller::Kind::Container) lift_size_limits(*response.mutable_handle_metadata());
  response.set_bound_function_id(is_base ? binding.function_id : binding.bound_id);
  if (!is_base) remember(std::move(binding));
  co_return response;
}

}  // namespace bimodal::control
