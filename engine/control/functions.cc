#include "control/functions.h"

#include "base/ids.h"
#include "control/app_records.h"
#include "control/app_states.h"
#include "control/clock.h"
#include "control/function_checks.h"
#include "control/function_metadata.h"
#include "control/publication.h"
#include "rpc/fields.h"
#include "store/function_table.h"
#include "store/secret_table.h"

namespace bimodal::control {
namespace {

using store::FunctionTable;
using store::Transaction;

// The id of the function `tag` of that app: the one that the client knows already, or a new one.
Result<std::string> function_id(
    Transaction& transaction, const std::string& app_id, const std::string& tag, const std::string& existing_id) {
  FunctionTable functions(transaction);
  if (existing_id.empty()) {
    TRY(auto standing, functions.find_tag(app_id, tag));
    if (standing) return standing->function_id;
    const std::string fresh = new_id("fu");
    TRY_VOID(functions.insert({fresh, app_id, tag, ""}));
    return fresh;
  }
  TRY(auto existing, functions.find(existing_id));
  if (!existing || existing->app_id != app_id) {
    return error(Code::NotFound, "Function {} ({}) not found in app {}", tag, existing_id, app_id);
  }
  if (existing->tag != tag) {
    return error(Code::InvalidArgument, "{} is function '{}', not '{}'", existing_id, existing->tag, tag);
  }
  return existing_id;
}

// As much of a definition as is known before its creation.
api::Function outline(const api::FunctionPrecreateRequest& request) {
  api::Function out;
  out.set_function_name(request.function_name());
  out.set_function_type(request.function_type());
  if (request.has_webhook_config()) *out.mutable_webhook_config() = request.webhook_config();
  *out.mutable_method_definitions() = request.method_definitions();
  if (request.has_function_schema()) *out.mutable_function_schema() = request.function_schema();
  *out.mutable_supported_input_formats() = request.supported_input_formats();
  *out.mutable_supported_output_formats() = request.supported_output_formats();
  return out;
}

Result<api::FunctionPrecreateResponse> reserve(
    Transaction& transaction, const Settings& settings, const api::FunctionPrecreateRequest& request) {
  TRY(auto app, require_running_app(transaction, request.app_id()));
  TRY(auto environment, store::EnvironmentTable(transaction).resolve(app.environment));
  const api::Function function = outline(request);
  TRY(auto addresses, web_addresses(Home{settings, app, environment}, function));
  TRY(auto id, function_id(transaction, app.app_id, request.function_name(), request.existing_function_id()));
  api::FunctionPrecreateResponse response;
  response.set_function_id(id);
  *response.mutable_handle_metadata() = handle_metadata(function, {id, ""}, app.app_id, addresses);
  return response;
}

Result<std::vector<std::string>> fingerprints_of(
    Transaction& transaction, const store::SecretBox& box, const api::Function& function) {
  std::vector<std::string> out;
  for (const auto& secret_id : function.secret_ids()) {
    TRY(auto secret, store::SecretTable(transaction, box).find(secret_id));
    if (!secret) {
      return error(Code::NotFound, "Secret {} of function '{}' not found", secret_id, function.function_name());
    }
    out.push_back(secret->fingerprint);
  }
  return out;
}

struct Staged {
  FunctionIds ids;
  std::vector<WebAddress> addresses;
  PublishedApp alone;  // the app as if this function were all of it
};

Result<Staged> stage(
    Transaction& transaction, const Context& context, const TakenHosts& taken,
    const api::FunctionCreateRequest& request, const api::Function& function) {
  TRY(auto app, require_running_app(transaction, request.app_id()));
  TRY(auto environment, store::EnvironmentTable(transaction).resolve(app.environment));
  const Home home{context.settings, app, environment};
  Staged out;
  TRY(auto fingerprints, fingerprints_of(transaction, context.secret_box, function));
  const std::string hash = content_hash(function, fingerprints);
  // The same function may be run for several images, and serve in the app besides.
  const bool is_build = function.is_builder_function();
  const std::string tag = is_build ? std::string(store::kBuildTag) + hash : function.function_name();
  TRY(out.ids.function_id, function_id(transaction, app.app_id, tag, is_build ? "" : request.existing_function_id()));
  store::Definition definition;
  definition.definition_id = new_id("de");
  definition.function_id = out.ids.function_id;
  definition.content_hash = hash;
  definition.function = function.SerializeAsString();
  definition.created_at = unix_now();
  TRY(out.ids.definition_id, store::DefinitionTable(transaction).stage(definition));
  TRY(out.addresses, web_addresses(home, function));
  TRY(auto version, function_version(home, out.ids, function, {}));
  out.alone.app_id = app.app_id;
  out.alone.ephemeral = is_ephemeral(app);
  out.alone.functions.push_back(std::make_shared<const model::FunctionVersion>(std::move(version)));
  TRY_VOID(check_hosts(out.alone, taken));
  return out;
}

// Hosts that another ephemeral app answers at now and will lose to this one.
std::vector<std::string> hosts_to_steal(const Registry& registry, const Staged& staged) {
  std::vector<std::string> out;
  for (const auto& address : staged.addresses) {
    const PublishedApp* owner = registry.owner(address.method.host);
    const bool other = owner != nullptr && owner->app_id != staged.alone.app_id;
    if (other && staged.alone.ephemeral) out.push_back(address.method.host);
  }
  return out;
}

api::FunctionCreateResponse response_for(
    const api::Function& function, const Settings& settings, const Staged& staged,
    const std::vector<std::string>& stolen) {
  api::FunctionCreateResponse response;
  response.set_function_id(staged.ids.function_id);
  *response.mutable_function() = echo(function, staged.addresses, stolen);
  *response.mutable_function_data() = echo_data(response.function());
  *response.mutable_handle_metadata() = handle_metadata(function, staged.ids, staged.alone.app_id, staged.addresses);
  for (auto& warning : warnings_about(function, settings)) *response.add_server_warnings() = std::move(warning);
  return response;
}

Result<std::string> class_id(Transaction& transaction, const api::ClassCreateRequest& request) {
  TRY_VOID(require_running_app(transaction, request.app_id()));
  store::ClassTable classes(transaction);
  const std::string& existing = request.existing_class_id();
  if (existing.empty()) {
    const std::string fresh = new_id("cs");
    TRY_VOID(classes.insert(fresh, request.app_id()));
    return fresh;
  }
  TRY(auto app_id, classes.app_of(existing));
  if (app_id != request.app_id()) {
    return error(Code::NotFound, "Class {} not found in app {}", existing, request.app_id());
  }
  return existing;
}

}  // namespace

Functions::Functions(Context& context, const Registry& registry, rpc::Service& service)
    : context_(context), registry_(registry) {
  service.mutation("FunctionPrecreate", this, &Functions::precreate);
  service.mutation("FunctionCreate", this, &Functions::create);
  service.mutation("ClassCreate", this, &Functions::create_class);
}

Task<Result<api::FunctionPrecreateResponse>> Functions::precreate(
    rpc::Call call, api::FunctionPrecreateRequest request) {
  CO_TRY_VOID(rpc::refuse_unknown_fields("function '" + request.function_name() + "'", request));
  auto work = [this, request = std::move(request)](Transaction& transaction) {
    return reserve(transaction, context_.settings, request);
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<api::FunctionCreateResponse>> Functions::create(rpc::Call call, api::FunctionCreateRequest request) {
  CO_TRY_VOID(rpc::refuse_unknown_fields("FunctionCreate", request));
  CO_TRY(auto function, chosen_function(request));
  CO_TRY_VOID(rpc::refuse_fields("function '" + function.function_name() + "'", request, {{"schedule", "schedule="}}));
  CO_TRY_VOID(check_supported(function, context_.settings));
  const std::string object = "function '" + function.function_name() + "'";
  CO_TRY_VOID(check_room(object, model::Resources(), function.resources(), context_.functions));
  TakenHosts taken = registry_.hosts_taken_from(request.app_id());
  auto work = [this, request = std::move(request), function, taken = std::move(taken)](Transaction& transaction) {
    return stage(transaction, context_, taken, request, function);
  };
  CO_TRY(auto staged, co_await context_.transact(std::move(work)));
  co_return response_for(function, context_.settings, staged, hosts_to_steal(registry_, staged));
}

Task<Result<api::ClassCreateResponse>> Functions::create_class(rpc::Call call, api::ClassCreateRequest request) {
  CO_TRY_VOID(rpc::refuse_unknown_fields("ClassCreate", request));
  CO_TRY_VOID(rpc::refuse_fields("ClassCreate", request, {{"methods", ""}}));
  auto work = [request = std::move(request)](Transaction& transaction) { return class_id(transaction, request); };
  CO_TRY(auto id, co_await context_.transact(std::move(work)));
  api::ClassCreateResponse response;
  response.set_class_id(id);
  co_return response;
}

}  // namespace bimodal::control
