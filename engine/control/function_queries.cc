#include "control/function_queries.h"

#include <algorithm>

#include "control/app_records.h"
#include "control/function_metadata.h"
#include "control/function_options.h"
#include "store/deployment_table.h"

namespace bimodal::control {
namespace {

using store::App;
using store::Transaction;

// The running app of that name: the deployed one, else the newest that is served or run. The reference finds deployed
// ones only, so that apps under development there can't call each other.
Result<App> running_app(Transaction& transaction, const std::string& environment_name, const std::string& name) {
  TRY(auto environment, store::EnvironmentTable(transaction).resolve(environment_name));
  store::AppTable apps(transaction);
  TRY(auto deployed, apps.find_deployed(environment.environment_id, name));
  if (deployed) return *std::move(deployed);
  TRY(auto running, apps.list(environment.environment_id, 0));
  for (App& app : running) {
    if (app.description == name && app.version > 0 && !app.stopped()) return std::move(app);
  }
  return error(Code::NotFound, "App '{}' not found in environment '{}'", name, environment.name);
}

// A function id leads to what its app serves now. So `version` (0: whatever is served) can be asked for as long as it
// has `tag` with the very code that is served.
Result<void> check_version(Transaction& transaction, const App& app, const std::string& tag, int version) {
  if (version == 0 || version == app.version) return {};
  store::DeploymentTable deployments(transaction);
  TRY(auto asked, deployments.layout(app.app_id, version));
  TRY(auto current, deployments.layout(app.app_id, app.version));
  if (asked.empty()) {
    return error(
        Code::NotFound, "App '{}' has no version {} that is kept; the current one is {}", app.name, version,
        app.version);
  }
  auto has_tag = [&](const store::LayoutEntry& entry) { return entry.tag == tag; };
  const auto then = std::find_if(asked.begin(), asked.end(), has_tag);
  if (then == asked.end()) return error(Code::NotFound, "Version {} of app '{}' has no '{}'", version, app.name, tag);
  const auto now = std::find_if(current.begin(), current.end(), has_tag);
  if (now != current.end() && now->definition_id == then->definition_id) return {};
  return error(
      Code::FailedPrecondition,
      "'{}' of app '{}' has changed since version {}, and only the current version {} runs: go back with `modal app "
      "rollback {} v{}`, or deploy the old code under another name",
      tag, app.name, version, app.version, app.name, version);
}

Result<api::FunctionGetResponse> find_function(
    Transaction& transaction, const Settings& settings, const api::FunctionGetRequest& request) {
  TRY(auto app, running_app(transaction, request.environment_name(), request.app_name()));
  TRY_VOID(check_version(transaction, app, request.object_tag(), static_cast<int>(request.app_version())));
  TRY(auto functions, published_functions(transaction, settings, app));
  for (const auto& record : functions) {
    if (record.tag != request.object_tag()) continue;
    api::FunctionGetResponse response;
    response.set_function_id(record.ids.function_id);
    *response.mutable_handle_metadata() = handle_metadata(record.function, record.ids, app.app_id, record.addresses);
    *response.mutable_function() = echo_data(echo(record.function, record.addresses, {}));
    return response;
  }
  return error(Code::NotFound, "App '{}' has no function '{}'", request.app_name(), request.object_tag());
}

// What `version` is made of: as it was deployed, with the options of its variant.
Result<api::FunctionGetByIdResponse> describe(
    Transaction& transaction, const Settings& settings, const model::FunctionVersion& version) {
  TRY(auto app, require_app(transaction, version.app_id));
  TRY(auto functions, published_functions(transaction, settings, app));
  for (auto& record : functions) {
    if (record.ids.function_id != version.function_id) continue;
    api::FunctionOptions options;
    options.ParseFromString(version.variant.options);
    apply_options(options, record.function);
    api::FunctionGetByIdResponse response;
    *response.mutable_handle_metadata() = handle_metadata(record.function, record.ids, app.app_id, record.addresses);
    *response.mutable_function() = echo_data(echo(record.function, record.addresses, {}));
    return response;
  }
  return error(Code::NotFound, "Function {} is not published any more", version.function_id);
}

Result<api::ClassGetResponse> find_class(Transaction& transaction, const api::ClassGetRequest& request) {
  TRY(auto app, running_app(transaction, request.environment_name(), request.app_name()));
  TRY_VOID(check_version(transaction, app, request.object_tag(), static_cast<int>(request.app_version())));
  TRY(auto layout, store::DeploymentTable(transaction).layout(app.app_id, app.version));
  for (const auto& entry : layout) {
    if (!entry.is_class() || entry.tag != request.object_tag()) continue;
    api::ClassGetResponse response;
    response.set_class_id(entry.object_id);
    return response;
  }
  return error(Code::NotFound, "App '{}' has no class '{}'", request.app_name(), request.object_tag());
}

}  // namespace

FunctionQueries::FunctionQueries(Context& context, const Bindings& bindings, rpc::Service& service)
    : context_(context), bindings_(bindings) {
  service.query("FunctionGet", this, &FunctionQueries::get);
  service.query("ClassGet", this, &FunctionQueries::get_class);
  service.query("FunctionGetById", this, &FunctionQueries::get_by_id);
}

Task<Result<api::FunctionGetResponse>> FunctionQueries::get(rpc::Call call, api::FunctionGetRequest request) {
  auto work = [this, request = std::move(request)](Transaction& transaction) {
    return find_function(transaction, context_.settings, request);
  };
  CO_TRY(auto response, co_await context_.transact(std::move(work)));
  if (call.caller.kind == rpc::Caller::Kind::Container) lift_size_limits(*response.mutable_handle_metadata());
  co_return response;
}

Task<Result<api::ClassGetResponse>> FunctionQueries::get_class(rpc::Call call, api::ClassGetRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) { return find_class(transaction, request); };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<api::FunctionGetByIdResponse>> FunctionQueries::get_by_id(
    rpc::Call call, api::FunctionGetByIdRequest request) {
  const auto version = bindings_.version(request.function_id());
  if (!version) {
    co_return error(Code::NotFound, "Function {} is not published, or its app is stopped", request.function_id());
  }
  auto work = [this, version](Transaction& transaction) { return describe(transaction, context_.settings, *version); };
  CO_TRY(auto response, co_await context_.transact(std::move(work)));
  if (call.caller.kind == rpc::Caller::Kind::Container) lift_size_limits(*response.mutable_handle_metadata());
  co_return response;
}

}  // namespace bimodal::control
