#include "control/bindings.h"

#include <utility>

#include "base/ids.h"
#include "control/app_records.h"
#include "control/class_parameters.h"
#include "control/clock.h"
#include "control/function_metadata.h"

namespace bimodal::control {
namespace {

// The pool of one set of arguments of a class.
class BoundSource : public scheduler::PoolSource {
 public:
  BoundSource(std::shared_ptr<scheduler::FunctionHandle> handle, model::ClassArguments arguments)
      : handle_(std::move(handle)), arguments_(std::move(arguments)) {}

  std::shared_ptr<scheduler::Pool> pool() override {
    auto bound = handle_->bind(arguments_);
    return bound ? (*bound)->pool() : nullptr;
  }

 private:
  const std::shared_ptr<scheduler::FunctionHandle> handle_;
  const model::ClassArguments arguments_;
};

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

// The JavaScript client sends options without a value with every instance: resources with a GPU of no kind.
bool asks_for_something(api::FunctionOptions options) {
  api::Resources& resources = *options.mutable_resources();
  if (resources.gpu_config().ByteSizeLong() == 0) resources.clear_gpu_config();
  if (resources.ByteSizeLong() == 0) options.clear_resources();
  return options.ByteSizeLong() > 0;
}

}  // namespace

Bindings::Bindings(Context& context, const Registry& registry, rpc::Service& service)
    : context_(context), registry_(registry) {
  service.mutation("FunctionBindParams", this, &Bindings::bind);
}

Task<Result<void>> Bindings::recover() {
  auto work = [](store::Transaction& transaction) { return store::BindingTable(transaction).list(); };
  CO_TRY(auto all, co_await context_.transact(std::move(work)));
  for (store::Binding& binding : all) {
    const std::string id = binding.bound_id;
    bindings_.emplace(id, std::move(binding));
  }
  co_return Result<void>();
}

model::FunctionVersionPtr Bindings::version(const std::string& function_id) const {
  auto found = bindings_.find(function_id);
  if (found == bindings_.end()) return registry_.function(function_id);
  auto base = registry_.function(found->second.function_id);
  if (!base) return nullptr;
  auto arguments = class_arguments(base->parameters, found->second.parameters);
  if (!arguments) return nullptr;  // the class has other parameters now
  auto bound = std::make_shared<model::FunctionVersion>(*base);
  bound->arguments = *std::move(arguments);
  return bound;
}

std::shared_ptr<scheduler::PoolSource> Bindings::source(const std::string& function_id) const {
  const auto bound = version(function_id);
  if (!bound) return nullptr;
  auto handle = context_.functions->find(bound->function_id);
  if (!handle || bound->arguments.empty()) return handle;
  return std::make_shared<BoundSource>(std::move(handle), bound->arguments);
}

Task<Result<api::FunctionBindParamsResponse>> Bindings::bind(rpc::Call call, api::FunctionBindParamsRequest request) {
  const auto version = registry_.function(request.function_id());
  if (!version)
    co_return error(Code::NotFound, "Function {} is not published, or its app is stopped", request.function_id());
  const std::string object = "function '" + version->tag + "'";
  if (asks_for_something(request.function_options())) {
    co_return error(
        Code::Unimplemented,
        "{}: with_options(), with_concurrency() and with_batching() are not available on this server yet; give the "
        "options to the decorator",
        object);
  }
  if (version->parameters.empty()) {
    co_return error(
        Code::Unimplemented,
        "{}: a class with a constructor of its own can't be given arguments on this server; declare them with "
        "modal.parameter()",
        object);
  }
  CO_TRY(auto arguments, class_arguments(version->parameters, request.serialized_params()));
  auto handle = context_.functions->find(version->function_id);
  if (handle) CO_TRY_VOID(handle->bind(std::move(arguments)));
  store::Binding binding;
  binding.function_id = request.function_id();
  binding.parameters = request.serialized_params();
  binding.bound_id = content_id("fu", binding.function_id + "\n" + binding.parameters);
  binding.created_at = unix_now();
  auto work = [this, binding, version](store::Transaction& transaction) -> Result<api::FunctionHandleMetadata> {
    TRY_VOID(store::BindingTable(transaction).keep(binding, kMost));
    return metadata_of(transaction, context_.settings, *version);
  };
  api::FunctionBindParamsResponse response;
  CO_TRY(*response.mutable_handle_metadata(), co_await context_.transact(std::move(work)));
  if (call.caller.kind == rpc::Caller::Kind::Container) lift_size_limits(*response.mutable_handle_metadata());
  response.set_bound_function_id(binding.bound_id);
  bindings_.insert_or_assign(binding.bound_id, binding);
  co_return response;
}

}  // namespace bimodal::control
