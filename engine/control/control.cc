#include "control/control.h"

#include "control/app_logs.h"
#include "control/app_queries.h"
#include "control/apps.h"
#include "control/blobs.h"
#include "control/collector.h"
#include "control/containers.h"
#include "control/dicts.h"
#include "control/environments.h"
#include "control/function_calls.h"
#include "control/function_queries.h"
#include "control/functions.h"
#include "control/images.h"
#include "control/mounts.h"
#include "control/planner.h"
#include "control/publisher.h"
#include "control/queues.h"
#include "control/registry.h"
#include "control/secrets.h"
#include "control/web_streams.h"
#include "control/workspace.h"

namespace bimodal::control {

// In the order of their dependencies.
struct Control::State {
  State(Context& context, rpc::Service& service)
      : context(context),
        registry(context.executor),
        publisher(context, registry),
        planner(context),
        blob_transfers(context.blobs),
        calls(
            context.executor, context.pool, context.database, *context.functions,
            [&context](const std::string& task_id) { return context.containers->session(task_id); },
            [&context](const std::string& function_id) { return context.functions->find(function_id); }, {}),
        workspace(context, service),
        environments(context, publisher, service),
        apps(context, publisher, service),
        app_queries(context, service),
        app_logs(context, registry, service),
        functions(context, registry, service),
        function_queries(context, registry, service),
        secrets(context, service),
        dicts(context, service),
        queues(context, service),
        blobs(context, blob_transfers, service),
        mounts(context, service),
        images(context, service),
        function_calls(context, registry, calls, service),
        containers(context, calls, service),
        web_streams(context, service),
        collector(context) {}

  Context& context;
  Registry registry;
  Publisher publisher;
  Planner planner;
  BlobTransfers blob_transfers;
  calls::Calls calls;
  Workspace workspace;
  Environments environments;
  Apps apps;
  AppQueries app_queries;
  AppLogs app_logs;
  Functions functions;
  FunctionQueries function_queries;
  Secrets secrets;
  Dicts dicts;
  Queues queues;
  Blobs blobs;
  Mounts mounts;
  Images images;
  FunctionCalls function_calls;
  Containers containers;
  WebStreams web_streams;
  Collector collector;
};

Control::Control(Context& context, rpc::Service& service) : state_(std::make_unique<State>(context, service)) {}

Control::~Control() = default;

runtime::Planner& Control::planner() {
  return state_->planner;
}

const Registry& Control::registry() const {
  return state_->registry;
}

BlobTransfers& Control::blob_transfers() {
  return state_->blob_transfers;
}

Task<Result<void>> Control::recover() {
  CO_TRY_VOID(co_await state_->publisher.recover());
  CO_TRY_VOID(co_await state_->calls.recover());
  state_->collector.start();
  co_return co_await state_->apps.watch_heartbeats();
}

void Control::retire() {
  state_->calls.retire();
}

Task<void> Control::close() {
  co_await state_->calls.close();
  co_await state_->collector.close();
  co_await state_->apps.close();
  co_await state_->app_logs.close();
  co_await state_->images.close();
  co_await state_->publisher.close();
}

}  // namespace bimodal::control
