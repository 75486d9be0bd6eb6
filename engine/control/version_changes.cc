#include "control/version_changes.h"

#include <algorithm>
#include <vector>

#include "base/ids.h"
#include "control/app_records.h"
#include "control/publication.h"
#include "store/function_table.h"

namespace bimodal::control {
namespace {

using store::Deployment;
using store::DeploymentKind;
using Layout = std::vector<store::LayoutEntry>;

Result<store::App> require_deployed(store::Transaction& transaction, const std::string& app_id) {
  TRY(auto app, require_running_app(transaction, app_id));
  if (app.state == store::AppState::Deployed) return app;
  return error(Code::FailedPrecondition, "App {} ({}) is not deployed", app.shown_name(), app_id);
}

// The one served before the current one.
const Deployment* previous_of(const std::vector<Deployment>& history, int current) {
  for (const Deployment& deployment : history) {
    if (deployment.version < current && deployment.kind != DeploymentKind::Staged) return &deployment;
  }
  return nullptr;
}

Result<Deployment> target_of(
    const store::App& app, const std::vector<Deployment>& history, const VersionChange& change) {
  if (change.version == VersionChange::kPrevious) {
    const Deployment* previous = previous_of(history, app.version);
    if (previous != nullptr) return *previous;
    return error(Code::FailedPrecondition, "App '{}' has no version before v{} to go back to", app.name, app.version);
  }
  auto is_wanted = [&](const Deployment& each) { return each.version == change.version; };
  const auto found = std::find_if(history.begin(), history.end(), is_wanted);
  if (found == history.end()) {
    return error(
        Code::NotFound, "App '{}' has no version v{}; `modal app history {}` lists those that are kept", app.name,
        change.version, app.name);
  }
  return *found;
}

Result<void> check_target(const store::App& app, const Deployment& target, DeploymentKind kind) {
  const bool staged = target.kind == DeploymentKind::Staged;
  if (kind == DeploymentKind::Promotion && !staged) {
    return error(
        Code::InvalidArgument, "Version v{} of app '{}' isn't staged; `modal app rollback` goes back to one that was",
        target.version, app.name);
  }
  if (kind == DeploymentKind::Rollback && staged) {
    return error(
        Code::InvalidArgument, "Version v{} of app '{}' is staged; `modal app promote {} v{}` deploys it",
        target.version, app.name, app.name, target.version);
  }
  if (target.version != app.version) return {};
  return error(Code::InvalidArgument, "App '{}' is at version v{} already", app.name, app.version);
}

// The current layout with new definitions of the same content, so that every function gets new containers.
Result<Layout> renewed_layout(store::Transaction& transaction, const store::App& app, double now) {
  TRY(auto layout, store::DeploymentTable(transaction).layout(app.app_id, app.version));
  for (auto& entry : layout) {
    if (entry.is_class()) continue;
    const std::string fresh = new_id("de");
    TRY_VOID(store::DefinitionTable(transaction).renew(entry.definition_id, fresh, now));
    entry.definition_id = fresh;
  }
  return layout;
}

}  // namespace

Result<PublishedApp> write_change(
    store::Transaction& transaction, const Settings& settings, const VersionChange& change, const TakenHosts& taken,
    double now) {
  TRY(auto app, require_deployed(transaction, change.app_id));
  TRY(const auto history, store::DeploymentTable(transaction).history(app.app_id));
  Deployment record;
  record.kind = change.kind;
  Layout layout;
  if (change.kind == DeploymentKind::Rollover) {
    auto is_current = [&](const Deployment& each) { return each.version == app.version; };
    const auto current = std::find_if(history.begin(), history.end(), is_current);
    if (current != history.end()) record.commit_info = current->commit_info;
    TRY(layout, renewed_layout(transaction, app, now));
  } else {
    TRY(const Deployment target, target_of(app, history, change));
    TRY_VOID(check_target(app, target, change.kind));
    record.origin = target.version;
    record.commit_info = target.commit_info;
    TRY(layout, store::DeploymentTable(transaction).layout(app.app_id, target.version));
  }
  record.client_version = change.client_version;
  return write_version(transaction, settings, std::move(app), std::move(record), layout, taken, now);
}

}  // namespace bimodal::control
