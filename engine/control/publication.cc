#include "control/publication.h"

#include <algorithm>
#include <set>

#include "control/app_records.h"
#include "control/app_states.h"
#include "control/app_tags.h"
#include "rpc/fields.h"
#include "store/function_table.h"

namespace bimodal::control {
namespace {

using store::AppState;
using Layout = std::vector<store::LayoutEntry>;

constexpr int kKeptVersions = 100;           // of a deployed app
constexpr double kKeepStagedSeconds = 3600;  // definitions that a deploy under way may still publish

template <typename Ids>
std::string text_in(const Ids& ids, const std::string& key) {
  auto found = ids.find(key);
  return found == ids.end() ? std::string() : found->second;
}

Result<void> add_functions(store::Transaction& transaction, const api::AppPublishRequest& request, Layout& layout) {
  for (const auto& [tag, function_id] : request.function_ids()) {
    TRY(auto function, store::FunctionTable(transaction).find(function_id));
    if (!function || function->app_id != request.app_id()) {
      return error(Code::InvalidArgument, "{} ({}) is no function of app {}", function_id, tag, request.app_id());
    }
    const std::string definition_id = text_in(request.definition_ids(), function_id);
    TRY(auto definition, store::DefinitionTable(transaction).find(definition_id));
    if (!definition || definition->function_id != function_id) {
      return error(Code::InvalidArgument, "'{}' is no definition of function {} ({})", definition_id, tag, function_id);
    }
    layout.push_back({tag, function_id, definition_id});
  }
  return {};
}

Result<void> add_classes(store::Transaction& transaction, const api::AppPublishRequest& request, Layout& layout) {
  for (const auto& [tag, class_id] : request.class_ids()) {
    TRY(auto app_id, store::ClassTable(transaction).app_of(class_id));
    if (app_id != request.app_id()) {
      return error(Code::InvalidArgument, "{} ({}) is no class of app {}", class_id, tag, request.app_id());
    }
    if (!request.function_ids().contains(tag + ".*")) {
      return error(Code::InvalidArgument, "Class {} is published without its function {}.*", tag, tag);
    }
    layout.push_back({tag, class_id, ""});
  }
  return {};
}

Result<void> check_request(const api::AppPublishRequest& request) {
  return rpc::refuse_fields("app " + request.app_id(), request, {{"rollback_version", "rollback"}});
}

// A running app of that name that isn't this one.
Result<void> check_name(store::Transaction& transaction, const store::App& app) {
  TRY(auto holder, store::AppTable(transaction).find_deployed(app.environment_id, app.name));
  if (!holder || holder->app_id == app.app_id) return {};
  return error(
      Code::AlreadyExists, "Another app ({}) was deployed as '{}' in the meantime; deploy again to update that one",
      holder->app_id, app.name);
}

store::Deployment deployment_of(const api::AppPublishRequest& request, const std::string& client_version) {
  store::Deployment out;
  out.client_version = request.client_version().empty() ? client_version : request.client_version();
  out.tag = request.deployment_tag();
  if (request.staged()) out.kind = store::DeploymentKind::Staged;
  if (request.has_commit_info()) out.commit_info = request.commit_info().SerializeAsString();
  return out;
}

// A staged version may be newer than the one that is served.
Result<int> next_version(store::Transaction& transaction, const store::App& app) {
  TRY(auto history, store::DeploymentTable(transaction).history(app.app_id));
  return 1 + (history.empty() ? app.version : std::max(app.version, history.front().version));
}

}  // namespace

Result<PublishedApp> write_version(
    store::Transaction& transaction, const Settings& settings, store::App app, store::Deployment record,
    const Layout& layout, const TakenHosts& taken, double now) {
  record.app_id = app.app_id;
  record.deployed_at = now;
  record.deployed_by = settings.workspace;
  TRY(record.version, next_version(transaction, app));
  const bool staged = record.kind == store::DeploymentKind::Staged;
  if (!staged) {
    app.version = record.version;
    app.deployed_at = now;
  }
  TRY_VOID(store::AppTable(transaction).update(app));
  store::DeploymentTable deployments(transaction);
  TRY_VOID(deployments.insert(record, layout));
  const int kept = app.state == AppState::Deployed ? kKeptVersions : 1;
  TRY_VOID(deployments.keep_newest(app.app_id, kept, app.version));
  TRY_VOID(store::DefinitionTable(transaction).remove_unused(app.app_id, now - kKeepStagedSeconds));
  if (!staged) TRY_VOID(store::FunctionTable(transaction).clear_autoscalers(app.app_id));
  TRY(auto published, published_app(transaction, settings, app));
  TRY_VOID(check_hosts(published, taken));
  published.published_at = now;
  return published;
}

Result<PublishedApp> write_publication(
    store::Transaction& transaction, const Settings& settings, const api::AppPublishRequest& request,
    const std::string& client_version, const TakenHosts& taken, double now) {
  TRY_VOID(check_request(request));
  TRY(auto app, require_app(transaction, request.app_id()));
  TRY(app.state, state_after_publish(app, static_cast<int>(request.app_state())));
  Layout layout;
  TRY_VOID(add_functions(transaction, request, layout));
  TRY_VOID(add_classes(transaction, request, layout));
  if (app.state == AppState::Deployed && app.name.empty()) {
    app.name = request.name().empty() ? app.description : request.name();
    TRY_VOID(check_name(transaction, app));
  }
  if (request.staged() && app.state != AppState::Deployed) {
    return error(
        Code::FailedPrecondition, "App {} is not deployed: only such an app can have a staged version", app.app_id);
  }
  if (!request.staged()) TRY_VOID(write_tags(transaction, app.app_id, request.tags()));
  return write_version(
      transaction, settings, std::move(app), deployment_of(request, client_version), layout, taken, now);
}

Result<void> check_hosts(const PublishedApp& app, const TakenHosts& taken) {
  std::map<std::string, std::string> own;
  for (const auto& function : app.functions) {
    for (const auto& method : function->web_methods) {
      std::vector<std::string> hosts = method.custom_domains;
      hosts.push_back(method.host);
      for (const std::string& host : hosts) {
        if (const HostOwner* holder = taken.owner_of(host); holder != nullptr && holder->app_id != app.app_id) {
          const char* remedy = host == method.host ? "set another label=" : "take it out of custom_domains= of one";
          return error(
              Code::AlreadyExists, "Function '{}': the address {} belongs to the deployed app '{}'; {}", function->tag,
              host, holder->name, remedy);
        }
        auto [entry, fresh] = own.emplace(host, function->tag);
        if (!fresh) {
          return error(
              Code::InvalidArgument, "Functions '{}' and '{}' have the same address {}; {}", entry->second,
              function->tag, host, host == method.host ? "set a label= on one of them" : "let one of them have it");
        }
      }
    }
  }
  return {};
}

}  // namespace bimodal::control
