#include "control/control.h"

#include "control/api_tokens.h"
#include "control/app_logs.h"
#include "control/app_queries.h"
#include "control/app_tags.h"
#include "control/apps.h"
#include "control/bindings.h"
#include "control/blobs.h"
#include "control/build_functions.h"
#include "control/call_queries.h"
#include "control/collector.h"
#include "control/command_router.h"
#include "control/containers.h"
#include "control/dicts.h"
#include "control/environments.h"
#include "control/function_calls.h"
#include "control/function_queries.h"
#include "control/function_scaling.h"
#include "control/functions.h"
#include "control/images.h"
#include "control/mounts.h"
#include "control/proxy_tokens.h"
#include "control/publisher.h"
#include "control/queues.h"
#include "control/registry.h"
#include "control/sandbox_streams.h"
#include "control/sandboxes.h"
#include "control/schedules.h"
#include "control/secrets.h"
#include "control/servers.h"
#include "control/volume_commits.h"
#include "control/volume_files.h"
#include "control/volumes.h"
#include "control/web_streams.h"
#include "control/workspace.h"
#include "control/workspace_settings.h"

namespace bimodal::control {

// In the order of their dependencies.
struct Control::State {
  State(Context& context, Planner& planner, rpc::Service& service)
      : context(context),
        registry(context.executor),
        blob_transfers(context.blobs),
        bindings(context, registry, service),
        calls(
            context.executor, context.pool, context.database, *context.functions,
            [&context](const std::string& task_id) { return context.containers->session(task_id); },
            [this](const std::string& function_id) { return bindings.source(function_id); }, {}),
        publisher(context, registry, calls),
        schedules(context, registry, calls),
        workspace(context, service),
        workspace_settings(context, service),
        environments(context, publisher, service),
        apps(context, publisher, calls, service),
        app_queries(context, service),
        app_logs(context, registry, service),
        app_tags(context, service),
        functions(context, registry, service),
        function_queries(context, bindings, service),
        function_scaling(context, bindings, calls, service),
        proxy_tokens(context, service),
        secrets(context, service),
        dicts(context, service),
        queues(context, service),
        volumes(context, service),
        volume_files(context, blob_transfers, service),
        volume_commits(context, service),
        blobs(context, blob_transfers, service),
        mounts(context, service),
        build_functions(context),
        images(context, build_functions, service),
        function_calls(context, bindings, calls, service),
        call_queries(context, bindings, calls, service),
        containers(context, calls, build_functions, service),
        servers(context, service),
        router_tokens(context),
        api_tokens(context, router_tokens),
        command_router(context, router_tokens, service),
        sandboxes(context, planner, router_tokens, service),
        sandbox_streams(sandboxes, router_tokens, service),
        web_streams(context, calls, service),
        collector(context) {}

  Context& context;
  Registry registry;
  BlobTransfers blob_transfers;
  Bindings bindings;
  calls::Calls calls;
  Publisher publisher;
  Schedules schedules;
  Workspace workspace;
  WorkspaceSettings workspace_settings;
  Environments environments;
  Apps apps;
  AppQueries app_queries;
  AppLogs app_logs;
  AppTags app_tags;
  Functions functions;
  FunctionQueries function_queries;
  FunctionScaling function_scaling;
  ProxyTokens proxy_tokens;
  Secrets secrets;
  Dicts dicts;
  Queues queues;
  Volumes volumes;
  VolumeFiles volume_files;
  VolumeCommits volume_commits;
  Blobs blobs;
  Mounts mounts;
  BuildFunctions build_functions;
  Images images;
  FunctionCalls function_calls;
  CallQueries call_queries;
  Containers containers;
  Servers servers;
  RouterTokens router_tokens;
  ApiTokens api_tokens;
  CommandRouter command_router;
  Sandboxes sandboxes;
  SandboxStreams sandbox_streams;
  WebStreams web_streams;
  Collector collector;
};

Control::Control(Context& context, Planner& planner, rpc::Service& service)
    : state_(std::make_unique<State>(context, planner, service)) {}

Control::~Control() = default;

void Control::write_metrics(metrics::Page& page) const {
  state_->calls.write_metrics(page);
}

const Registry& Control::registry() const {
  return state_->registry;
}

ApiTokens& Control::api_tokens() {
  return state_->api_tokens;
}

BlobTransfers& Control::blob_transfers() {
  return state_->blob_transfers;
}

Task<Result<void>> Control::recover() {
  CO_TRY_VOID(co_await state_->proxy_tokens.recover());
  CO_TRY_VOID(co_await state_->api_tokens.recover());
  CO_TRY_VOID(co_await state_->publisher.recover());
  CO_TRY_VOID(co_await state_->bindings.recover());
  CO_TRY_VOID(co_await state_->calls.recover());
  CO_TRY_VOID(co_await state_->schedules.start());
  state_->collector.start();
  co_return co_await state_->apps.watch_ends();
}

void Control::retire() {
  state_->calls.retire();
}

Task<void> Control::pause_calls(Deadline deadline) {
  co_await state_->calls.pause(deadline);
}

Task<void> Control::hold_calls() {
  co_await state_->calls.hold();
}

void Control::resume_calls() {
  state_->calls.resume();
}

void Control::abandon_calls() {
  state_->calls.abandon();
}

Task<void> Control::close() {
  co_await state_->api_tokens.close();
  co_await state_->schedules.close();
  co_await state_->calls.close();
  co_await state_->collector.close();
  co_await state_->apps.close();
  co_await state_->app_logs.close();
  co_await state_->images.close();
  co_await state_->publisher.close();
}

}  // namespace bimodal::control
