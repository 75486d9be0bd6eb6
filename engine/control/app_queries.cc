#include "control/app_queries.h"

#include <map>

#include "control/app_records.h"
#include "runtime/containers.h"
#include "store/deployment_table.h"

namespace bimodal::control {
namespace {

using store::App;
using store::AppTable;
using store::EnvironmentTable;
using store::Transaction;

constexpr int kListedStoppedApps = 20;

Result<api::AppGetByDeploymentNameResponse> answer_by_name(
    Transaction& transaction, const api::AppGetByDeploymentNameRequest& request, const std::string& workspace) {
  TRY(auto environment, EnvironmentTable(transaction).resolve(request.environment_name()));
  AppTable table(transaction);
  TRY(auto running, table.find_deployed(environment.environment_id, request.name()));
  TRY(auto stopped, table.find_stopped(environment.environment_id, request.name()));
  api::AppGetByDeploymentNameResponse response;
  response.set_environment_name(environment.name);
  if (running) response.set_app_id(running->app_id);
  if (stopped) response.set_previous_app_id(stopped->app_id);
  if (running || stopped) *response.mutable_lifecycle() = lifecycle_of(running ? *running : *stopped, workspace);
  return response;
}

api::AppListResponse::AppListItem item_of(const App& app, int tasks, const std::string& workspace) {
  api::AppListResponse::AppListItem out;
  out.set_app_id(app.app_id);
  out.set_description(app.description);
  out.set_state(static_cast<api::AppState>(app.state));
  out.set_created_at(app.created_at);
  out.set_stopped_at(app.stopped_at);
  out.set_n_running_tasks(tasks);
  out.set_name(app.name);
  auto* metadata = out.mutable_metadata();
  metadata->set_app_id(app.app_id);
  metadata->set_description(app.description);
  metadata->set_environment_name(app.environment);
  *metadata->mutable_lifecycle() = lifecycle_of(app, workspace);
  return out;
}

Result<api::AppDeploymentHistory> history_item(const store::Deployment& deployment, int current) {
  api::AppDeploymentHistory out;
  out.set_app_id(deployment.app_id);
  out.set_version(static_cast<std::uint32_t>(deployment.version));
  out.set_client_version(deployment.client_version);
  out.set_deployed_at(deployment.deployed_at);
  out.set_deployed_by(deployment.deployed_by);
  out.set_tag(deployment.tag);
  out.set_deployment_type(static_cast<api::DeploymentType>(deployment.kind));
  if (deployment.kind == store::DeploymentKind::Rollback) {
    out.set_rollback_version(static_cast<std::uint32_t>(deployment.origin));
  }
  out.set_rollback_allowed(deployment.version != current && deployment.kind != store::DeploymentKind::Staged);
  if (deployment.commit_info.empty()) return out;
  if (!out.mutable_commit_info()->ParseFromString(deployment.commit_info)) {
    return error(Code::DataLoss, "Version {} of {} has a damaged record", deployment.version, deployment.app_id);
  }
  return out;
}

Result<api::AppDeploymentHistoryResponse> read_history(Transaction& transaction, const std::string& app_id) {
  TRY(auto app, require_app(transaction, app_id));
  TRY(auto deployments, store::DeploymentTable(transaction).history(app_id));
  api::AppDeploymentHistoryResponse response;
  response.set_production_app_version(static_cast<std::uint32_t>(app.version));
  for (const auto& deployment : deployments) {
    TRY(*response.add_app_deployment_histories(), history_item(deployment, app.version));
  }
  return response;
}

}  // namespace

AppQueries::AppQueries(Context& context, rpc::Service& service) : context_(context) {
  service.query("AppGetByDeploymentName", this, &AppQueries::by_name);
  service.query("AppGetLayout", this, &AppQueries::layout);
  service.query("AppGetLifecycle", this, &AppQueries::lifecycle);
  service.query("AppList", this, &AppQueries::list);
  service.query("AppDeploymentHistory", this, &AppQueries::history);
}

Task<Result<api::AppGetByDeploymentNameResponse>> AppQueries::by_name(
    rpc::Call call, api::AppGetByDeploymentNameRequest request) {
  auto work = [this, request = std::move(request)](Transaction& transaction) {
    return answer_by_name(transaction, request, context_.settings.workspace);
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<api::AppGetLayoutResponse>> AppQueries::layout(rpc::Call call, api::AppGetLayoutRequest request) {
  auto work = [this, app_id = request.app_id()](Transaction& transaction) -> Result<api::AppLayout> {
    TRY(auto app, require_app(transaction, app_id));
    return app_layout(transaction, context_.settings, app);
  };
  CO_TRY(auto layout, co_await context_.transact(std::move(work)));
  api::AppGetLayoutResponse response;
  *response.mutable_app_layout() = std::move(layout);
  co_return response;
}

Task<Result<api::AppGetLifecycleResponse>> AppQueries::lifecycle(rpc::Call call, api::AppGetLifecycleRequest request) {
  auto work = [app_id = request.app_id()](Transaction& transaction) { return require_app(transaction, app_id); };
  CO_TRY(auto app, co_await context_.transact(std::move(work)));
  api::AppGetLifecycleResponse response;
  *response.mutable_lifecycle() = lifecycle_of(app, context_.settings.workspace);
  co_return response;
}

Task<Result<api::AppListResponse>> AppQueries::list(rpc::Call call, api::AppListRequest request) {
  auto work = [name = request.environment_name()](Transaction& transaction) -> Result<std::vector<App>> {
    TRY(auto environment, EnvironmentTable(transaction).resolve(name));
    return AppTable(transaction).list(environment.environment_id, kListedStoppedApps);
  };
  CO_TRY(auto apps, co_await context_.transact(std::move(work)));
  std::map<std::string, int> tasks;
  for (const auto& task : context_.containers->list()) ++tasks[task.app_id];
  api::AppListResponse response;
  for (const App& app : apps) *response.add_apps() = item_of(app, tasks[app.app_id], context_.settings.workspace);
  co_return response;
}

Task<Result<api::AppDeploymentHistoryResponse>> AppQueries::history(
    rpc::Call call, api::AppDeploymentHistoryRequest request) {
  auto work = [app_id = request.app_id()](Transaction& transaction) { return read_history(transaction, app_id); };
  co_return co_await context_.transact(std::move(work));
}

}  // namespace bimodal::control
