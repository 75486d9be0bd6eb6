#include "control/apps.h"

#include "async/pulse.h"
#include "async/rough.h"
#include "base/ids.h"
#include "base/log.h"
#include "control/app_records.h"
#include "control/app_states.h"
#include "control/app_tags.h"
#include "control/clock.h"
#include "control/urls.h"

namespace bimodal::control {
namespace {

using store::App;
using store::AppState;
using store::AppTable;
using store::EnvironmentTable;
using store::Transaction;

constexpr std::chrono::seconds kHeartbeatCheck{5};

Result<App> insert_app(Transaction& transaction, const api::AppCreateRequest& request, AppState state) {
  TRY(auto environment, EnvironmentTable(transaction).resolve(request.environment_name()));
  App app;
  app.app_id = new_id("ap");
  app.environment_id = environment.environment_id;
  app.environment = environment.name;
  app.description = request.description();
  app.state = state;
  app.created_at = unix_now();
  TRY_VOID(AppTable(transaction).insert(app));
  TRY_VOID(write_tags(transaction, app.app_id, request.tags()));
  return app;
}

// An app without functions, as App.lookup(create_if_missing=True) makes it.
Result<App> insert_named_app(Transaction& transaction, const store::Environment& environment, const std::string& name) {
  App app;
  app.app_id = new_id("ap");
  app.environment_id = environment.environment_id;
  app.environment = environment.name;
  app.description = name;
  app.name = name;
  app.state = AppState::Deployed;
  app.created_at = app.deployed_at = unix_now();
  TRY_VOID(AppTable(transaction).insert(app));
  return app;
}

Result<App> find_or_insert(Transaction& transaction, const api::AppGetOrCreateRequest& request) {
  TRY(auto environment, EnvironmentTable(transaction).resolve(request.environment_name()));
  TRY(auto app, AppTable(transaction).find_deployed(environment.environment_id, request.app_name()));
  const auto how = request.object_creation_type();
  if (app && how == api::OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS) {
    return error(Code::AlreadyExists, "App '{}' exists in environment '{}'", request.app_name(), environment.name);
  }
  if (app) return *std::move(app);
  if (how == api::OBJECT_CREATION_TYPE_UNSPECIFIED) {
    return error(Code::NotFound, "App '{}' not found in environment '{}'", request.app_name(), environment.name);
  }
  return insert_named_app(transaction, environment, request.app_name());
}

// Nothing: its client's end means nothing to the app.
Result<std::optional<AppState>> apply_disconnect(Transaction& transaction, const std::string& app_id) {
  TRY(auto app, require_app(transaction, app_id));
  const auto next = state_after_disconnect(app.state);
  if (!next || *next == AppState::Stopping) return next;
  app.state = *next;
  TRY_VOID(AppTable(transaction).update(app));
  return next;
}

Result<std::vector<App>> apps_with_an_end(Transaction& transaction) {
  TRY(auto environments, EnvironmentTable(transaction).list());
  std::vector<App> out;
  for (const auto& environment : environments) {
    TRY(auto apps, AppTable(transaction).list(environment.environment_id, 0));
    for (App& app : apps) {
      if (lives_by_heartbeats(app.state) || lives_by_calls(app.state)) out.push_back(std::move(app));
    }
  }
  return out;
}

// The first web URL of the app: what a person who reads "View Deployment" wants to open.
std::string first_url(const PublishedApp& app, const Settings& settings) {
  for (const auto& function : app.functions) {
    if (!function->web_methods.empty()) return function->web_methods.front().url;
  }
  return front_url(settings);
}

// What every RPC that changes what an app serves answers.
template <typename Response>
Response changed(const PublishedApp& app, const Settings& settings) {
  Response response;
  response.set_url(first_url(app, settings));
  response.set_deployed_at(app.published_at);
  return response;
}

}  // namespace

Apps::Apps(Context& context, Publisher& publisher, calls::Calls& calls, rpc::Service& service)
    : context_(context), publisher_(publisher), calls_(calls), scope_(context.executor, "ends of apps") {
  service.mutation("AppCreate", this, &Apps::create);
  service.mutation("AppGetOrCreate", this, &Apps::get_or_create);
  service.query("AppHeartbeat", this, &Apps::heartbeat);
  service.mutation("AppPublish", this, &Apps::publish);
  service.mutation("AppRollback", this, &Apps::roll_back);
  service.mutation("AppRollover", this, &Apps::roll_over);
  service.mutation("AppPromote", this, &Apps::promote);
  service.mutation("AppClientDisconnect", this, &Apps::disconnect);
  service.mutation("AppStop", this, &Apps::stop);
}

Task<Result<api::AppCreateResponse>> Apps::create(rpc::Call call, api::AppCreateRequest request) {
  CO_TRY(const AppState state, state_at_creation(static_cast<int>(request.app_state())));
  auto work = [request = std::move(request), state](Transaction& transaction) {
    return insert_app(transaction, request, state);
  };
  CO_TRY(auto app, co_await context_.transact(std::move(work)));
  if (lives_by_heartbeats(app.state)) heartbeats_.beat(app.app_id, Heartbeats::Clock::now());
  api::AppCreateResponse response;
  response.set_app_id(app.app_id);
  response.set_app_page_url(front_url(context_.settings));
  co_return response;
}

Task<Result<api::AppGetOrCreateResponse>> Apps::get_or_create(rpc::Call call, api::AppGetOrCreateRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) { return find_or_insert(transaction, request); };
  CO_TRY(auto app, co_await context_.transact(std::move(work)));
  api::AppGetOrCreateResponse response;
  response.set_app_id(app.app_id);
  auto* metadata = response.mutable_handle_metadata();
  metadata->set_app_id(app.app_id);
  metadata->set_description(app.description);
  metadata->set_environment_name(app.environment);
  *metadata->mutable_lifecycle() = lifecycle_of(app, context_.settings.workspace);
  co_return response;
}

Task<Result<rpc::Empty>> Apps::heartbeat(rpc::Call call, api::AppHeartbeatRequest request) {
  const std::string app_id = request.app_id();
  auto work = [app_id](Transaction& transaction) { return require_running_app(transaction, app_id); };
  CO_TRY(auto app, co_await context_.transact(std::move(work)));
  if (lives_by_heartbeats(app.state)) heartbeats_.beat(app_id, Heartbeats::Clock::now());
  co_return Empty();
}

Task<Result<api::AppPublishResponse>> Apps::publish(rpc::Call call, api::AppPublishRequest request) {
  CO_TRY(auto app, co_await publisher_.publish(std::move(request), call.caller.client_version));
  if (!app.ephemeral) heartbeats_.forget(app.app_id);
  co_return changed<api::AppPublishResponse>(app, context_.settings);
}

Task<Result<api::AppRollbackResponse>> Apps::roll_back(rpc::Call call, api::AppRollbackRequest request) {
  VersionChange change{
      request.app_id(), store::DeploymentKind::Rollback, request.version(), call.caller.client_version};
  CO_TRY(auto app, co_await publisher_.change(std::move(change)));
  co_return changed<api::AppRollbackResponse>(app, context_.settings);
}

Task<Result<api::AppRolloverResponse>> Apps::roll_over(rpc::Call call, api::AppRolloverRequest request) {
  VersionChange change{request.app_id(), store::DeploymentKind::Rollover, 0, call.caller.client_version};
  CO_TRY(auto app, co_await publisher_.change(std::move(change)));
  co_return changed<api::AppRolloverResponse>(app, context_.settings);
}

Task<Result<api::AppPromoteResponse>> Apps::promote(rpc::Call call, api::AppPromoteRequest request) {
  VersionChange change{
      request.app_id(), store::DeploymentKind::Promotion, request.version(), call.caller.client_version};
  CO_TRY(auto app, co_await publisher_.change(std::move(change)));
  co_return changed<api::AppPromoteResponse>(app, context_.settings);
}

Task<Result<rpc::Empty>> Apps::disconnect(rpc::Call call, api::AppClientDisconnectRequest request) {
  CO_TRY_VOID(co_await leave(request.app_id()));
  co_return Empty();
}

Task<Result<void>> Apps::leave(std::string app_id) {
  heartbeats_.forget(app_id);
  auto work = [app_id](Transaction& transaction) { return apply_disconnect(transaction, app_id); };
  CO_TRY(const auto next, co_await context_.transact(std::move(work)));
  if (next == AppState::Stopping) co_return co_await publisher_.stop(app_id);
  if (next == AppState::DetachedDisconnected) scope_.spawn(stop_when_done(app_id));
  co_return Result<void>();
}

Task<Result<rpc::Empty>> Apps::stop(rpc::Call call, api::AppStopRequest request) {
  heartbeats_.forget(request.app_id());
  CO_TRY_VOID(co_await publisher_.stop(request.app_id()));
  co_return Empty();
}

Task<Result<void>> Apps::watch_ends() {
  CO_TRY(auto apps, co_await context_.transact(apps_with_an_end));
  for (const App& app : apps) {
    if (lives_by_heartbeats(app.state)) heartbeats_.beat(app.app_id, Heartbeats::Clock::now());
    if (lives_by_calls(app.state)) scope_.spawn(stop_when_done(app.app_id));
  }
  scope_.spawn(watch_heartbeats());
  co_return Result<void>();
}

Task<void> Apps::watch_heartbeats() {
  while (co_await sleep_until(roughly_after(kHeartbeatCheck))) {
    const auto silent = heartbeats_.take_silent(Heartbeats::Clock::now());
    for (const std::string& app_id : silent) {
      log::info("{}: its client sent no heartbeat for {} s", app_id, Heartbeats::kSilence.count());
      const auto left = co_await leave(app_id);
      if (!left) log::warning("stopping {}: {}", app_id, left.error().message);
    }
  }
}

Task<void> Apps::stop_when_done(std::string app_id) {
  if (!co_await calls_.wait_done(app_id)) co_return;
  const auto stopped = co_await publisher_.stop(app_id);
  if (!stopped) log::warning("stopping {}: {}", app_id, stopped.error().message);
}

Task<void> Apps::close() {
  co_await scope_.close();
}

}  // namespace bimodal::control
