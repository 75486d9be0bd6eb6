#include "control/publisher.h"

#include "base/ids.h"
#include "base/log.h"
#include "control/app_records.h"
#include "control/app_states.h"
#include "control/clock.h"
#include "runtime/containers.h"
#include "scheduler/functions.h"
#include "store/logs.h"

namespace bimodal::control {
namespace {

using store::App;
using store::AppState;
using store::AppTable;
using store::Transaction;

constexpr int kKeptStoppedApps = 200;  // of all environments together, with their logs

struct Recovered {
  std::vector<PublishedApp> apps;
  std::vector<std::string> forgotten;  // ids of apps that were stopped long ago
};

Result<void> ensure_default_environment(Transaction& transaction) {
  store::EnvironmentTable environments(transaction);
  TRY(auto standing, environments.find(""));
  if (standing) return {};
  return environments.insert({new_id("en"), "main", "", true, unix_now()});
}

Result<Recovered> read_everything(Transaction& transaction, const Settings& settings) {
  TRY_VOID(ensure_default_environment(transaction));
  AppTable table(transaction);
  Recovered out;
  TRY_VOID(table.finish_stopping());
  TRY(out.forgotten, table.forget_stopped(kKeptStoppedApps));
  TRY(auto apps, table.list_published());
  for (const App& app : apps) {
    TRY(auto published, published_app(transaction, settings, app));
    out.apps.push_back(std::move(published));
  }
  return out;
}

// False when it was stopped before.
Result<bool> begin_stop(Transaction& transaction, const std::string& app_id) {
  TRY(auto app, require_app(transaction, app_id));
  if (app.stopped()) return false;
  app.state = AppState::Stopping;
  app.stopped_at = unix_now();
  TRY_VOID(AppTable(transaction).update(app));
  return true;
}

Result<void> end_stop(Transaction& transaction, const std::string& app_id) {
  TRY(auto app, AppTable(transaction).find(app_id));
  if (!app) return {};  // deleted with its environment meanwhile
  app->state = AppState::Stopped;
  return AppTable(transaction).update(*app);
}

}  // namespace

Publisher::Publisher(Context& context, Registry& registry, calls::Calls& calls)
    : context_(context),
      registry_(registry),
      calls_(calls),
      turn_(context.executor),
      stopping_(context.executor, "stopping apps") {}

Task<Result<PublishedApp>> Publisher::publish(api::AppPublishRequest request, std::string client_version) {
  const Turn::Guard guard = co_await turn_.take();
  TakenHosts taken = registry_.hosts_taken_from(request.app_id());
  auto work = [this, request = std::move(request), client_version, taken = std::move(taken)](Transaction& transaction) {
    return write_publication(transaction, context_.settings, request, client_version, taken, unix_now());
  };
  CO_TRY(auto app, co_await context_.transact(std::move(work)));
  serve_anew(app);
  co_return app;
}

Task<Result<PublishedApp>> Publisher::change(VersionChange change) {
  const Turn::Guard guard = co_await turn_.take();
  TakenHosts taken = registry_.hosts_taken_from(change.app_id);
  auto work = [this, change = std::move(change), taken = std::move(taken)](Transaction& transaction) {
    return write_change(transaction, context_.settings, change, taken, unix_now());
  };
  CO_TRY(auto app, co_await context_.transact(std::move(work)));
  serve_anew(app);
  co_return app;
}

void Publisher::serve_anew(const PublishedApp& app) {
  serve(app, app.functions);
  announce_routes();
}

Task<Result<void>> Publisher::stop(std::string app_id) {
  const Turn::Guard guard = co_await turn_.take();
  auto work = [app_id](Transaction& transaction) { return begin_stop(transaction, app_id); };
  CO_TRY(const bool begun, co_await context_.transact(std::move(work)));
  if (!begun) co_return Result<void>();
  registry_.mark_stopped(app_id);
  if (context_.containers != nullptr) context_.containers->dismiss(app_id);
  announce_routes();
  stopping_.spawn(finish_stop(app_id));
  co_return Result<void>();
}

Task<void> Publisher::finish_stop(std::string app_id) {
  const auto cancelled = co_await calls_.cancel_app(app_id);
  if (!cancelled) log::error("the calls of {}: {}", app_id, cancelled.error().message);
  if (context_.containers != nullptr) co_await context_.containers->end_commands(app_id);
  co_await context_.functions->stop(app_id);
  auto work = [app_id](Transaction& transaction) { return end_stop(transaction, app_id); };
  const auto ended = co_await context_.transact(std::move(work));
  if (!ended) log::error("stopping {}: {}", app_id, ended.error().message);
  registry_.changed().notify_all();
}

Task<Result<void>> Publisher::recover() {
  const Turn::Guard guard = co_await turn_.take();
  auto work = [this](Transaction& transaction) { return read_everything(transaction, context_.settings); };
  CO_TRY(auto recovered, co_await context_.transact(std::move(work)));
  for (PublishedApp& app : recovered.apps) {
    if (app.stopped) {
      registry_.put(std::move(app));
    } else {
      serve(std::move(app), {});  // not all of them at once: when one of its containers starts
    }
  }
  forget(recovered.forgotten);
  co_return Result<void>();
}

Task<Result<void>> Publisher::refresh(std::string environment_id) {
  const Turn::Guard guard = co_await turn_.take();
  auto work = [this, environment_id](Transaction& transaction) -> Result<std::vector<PublishedApp>> {
    TRY(auto apps, AppTable(transaction).list_published());
    std::vector<PublishedApp> out;
    for (const App& app : apps) {
      if (app.environment_id != environment_id) continue;
      TRY(auto published, published_app(transaction, context_.settings, app));
      out.push_back(std::move(published));
    }
    return out;
  };
  CO_TRY(auto apps, co_await context_.transact(std::move(work)));
  for (PublishedApp& app : apps) registry_.put(std::move(app));
  announce_routes();
  co_return Result<void>();
}

void Publisher::serve(PublishedApp app, std::vector<model::FunctionVersionPtr> reserve) {
  using scheduler::Switch;
  context_.functions->publish(app.app_id, app.functions, app.ephemeral ? Switch::AtOnce : Switch::WhenWarm);
  if (context_.containers != nullptr) context_.containers->expect(app.app_id, std::move(reserve));
  registry_.put(std::move(app));
}

void Publisher::announce_routes() {
  context_.on_routes_changed(registry_.routes());
}

void Publisher::forget(const std::vector<std::string>& app_ids) {
  for (const std::string& app_id : app_ids) {
    registry_.remove(app_id);
    context_.logs.remove(app_id);
  }
  announce_routes();
}

Task<void> Publisher::close() {
  co_await stopping_.close();
}

}  // namespace bimodal::control
