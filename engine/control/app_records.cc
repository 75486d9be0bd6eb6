#include "control/app_records.h"

#include "control/app_states.h"
#include "control/function_metadata.h"
#include "store/deployment_table.h"
#include "store/function_table.h"

namespace bimodal::control {
namespace {

Result<FunctionRecord> read_function(
    store::Transaction& transaction, const Home& home, const store::LayoutEntry& entry) {
  TRY(auto definition, store::DefinitionTable(transaction).find(entry.definition_id));
  TRY(auto row, store::FunctionTable(transaction).find(entry.object_id));
  FunctionRecord out;
  const bool sound = definition && row && out.function.ParseFromString(definition->function) &&
                     out.autoscaler.ParseFromString(row->autoscaler);
  if (!sound)
    return error(Code::DataLoss, "The state database has no definition of {} ({})", entry.tag, entry.object_id);
  out.tag = entry.tag;
  out.ids = {entry.object_id, entry.definition_id};
  TRY(out.addresses, web_addresses(home, out.function));
  return out;
}

}  // namespace

Result<store::App> require_app(store::Transaction& transaction, const std::string& app_id) {
  TRY(auto app, store::AppTable(transaction).find(app_id));
  if (!app) return error(Code::NotFound, "App {} not found", app_id);
  return *std::move(app);
}

Result<store::App> require_running_app(store::Transaction& transaction, const std::string& app_id) {
  TRY(auto app, require_app(transaction, app_id));
  if (app.stopped()) {
    return error(Code::FailedPrecondition, "App {} ({}) is stopped; deploy or serve it anew", app.shown_name(), app_id);
  }
  return app;
}

Result<std::vector<FunctionRecord>> published_functions(
    store::Transaction& transaction, const Settings& settings, const store::App& app) {
  TRY(auto environment, store::EnvironmentTable(transaction).resolve(app.environment));
  TRY(auto layout, store::DeploymentTable(transaction).layout(app.app_id, app.version));
  const Home home{settings, app, environment};
  std::vector<FunctionRecord> out;
  for (const auto& entry : layout) {
    if (entry.is_class()) continue;
    TRY(auto record, read_function(transaction, home, entry));
    out.push_back(std::move(record));
  }
  return out;
}

Result<PublishedApp> published_app(store::Transaction& transaction, const Settings& settings, const store::App& app) {
  TRY(auto environment, store::EnvironmentTable(transaction).resolve(app.environment));
  TRY(auto functions, published_functions(transaction, settings, app));
  const Home home{settings, app, environment};
  PublishedApp out;
  out.app_id = app.app_id;
  out.name = app.shown_name();
  out.environment_id = app.environment_id;
  out.ephemeral = is_ephemeral(app);
  out.stopped = app.stopped();
  out.published_at = out.deployed_at = app.deployed_at;
  for (const auto& record : functions) {
    TRY(auto version, function_version(home, record.ids, record.function, record.autoscaler));
    out.functions.push_back(std::make_shared<const model::FunctionVersion>(std::move(version)));
    if (!record.function.has_schedule()) continue;
    out.scheduled.push_back({record.ids.function_id, record.tag, record.function.schedule().SerializeAsString()});
  }
  return out;
}

Result<api::AppLayout> app_layout(store::Transaction& transaction, const Settings& settings, const store::App& app) {
  TRY(auto functions, published_functions(transaction, settings, app));
  TRY(auto layout, store::DeploymentTable(transaction).layout(app.app_id, app.version));
  api::AppLayout out;
  for (const auto& record : functions) {
    (*out.mutable_function_ids())[record.tag] = record.ids.function_id;
    auto* object = out.add_objects();
    object->set_object_id(record.ids.function_id);
    *object->mutable_function_handle_metadata() =
        handle_metadata(record.function, record.ids, app.app_id, record.addresses);
  }
  for (const auto& entry : layout) {
    if (!entry.is_class()) continue;
    (*out.mutable_class_ids())[entry.tag] = entry.object_id;
    auto* object = out.add_objects();
    object->set_object_id(entry.object_id);
    object->mutable_class_handle_metadata()->set_class_function_id(out.function_ids().at(entry.tag + ".*"));
  }
  return out;
}

api::AppLifecycle lifecycle_of(const store::App& app, const std::string& workspace) {
  api::AppLifecycle out;
  out.set_app_state(static_cast<api::AppState>(app.state));
  out.set_created_at(app.created_at);
  out.set_created_by(workspace);
  out.set_deployed_at(app.deployed_at);
  if (app.deployed_at > 0) out.set_deployed_by(workspace);
  out.set_version(app.version);
  out.set_stopped_at(app.stopped_at);
  if (app.stopped_at > 0) out.set_stopped_by(workspace);
  return out;
}

}  // namespace bimodal::control
