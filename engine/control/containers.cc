#include "control/containers.h"

#include <algorithm>
#include <map>

#include "control/clock.h"
#include "control/container_arguments.h"
#include "control/large_values.h"
#include "runtime/command_container.h"
#include "scheduler/functions.h"
#include "store/app_table.h"

namespace bimodal::control {
namespace {

using namespace std::chrono_literals;

// A container asks again at once; the official client's own timeout for this call is far longer.
constexpr auto kInputPoll = 2min;

// A heartbeat's answer comes so much before the client takes it for lost, which the call's deadline says. Each one
// makes the client send the next after a second, as it hears of a cancellation only while one is out.
constexpr auto kBeforeLost = 1s;
constexpr auto kHeartbeatPoll = 10min;

constexpr std::chrono::milliseconds kMaxLinger = 10min;

double started_at(const runtime::TaskInfo& task) {
  return task.started_at.time_since_epoch().count() == 0 ? 0 : unix_seconds(task.started_at);
}

using AppsById = std::map<std::string, store::App>;

Result<AppsById> load_apps(store::Transaction& transaction, const std::vector<runtime::TaskInfo>& tasks) {
  AppsById apps;
  for (const runtime::TaskInfo& task : tasks) {
    if (apps.contains(task.app_id)) continue;
    TRY(auto app, store::AppTable(transaction).find(task.app_id));
    if (app) apps[task.app_id] = std::move(*app);
  }
  return apps;
}

}  // namespace

Containers::Containers(Context& context, calls::Calls& calls, BuildFunctions& build_functions, rpc::Service& service)
    : context_(context), calls_(calls), build_functions_(build_functions) {
  service.query("ContainerHello", this, &Containers::hello);
  service.query("ContainerHeartbeat", this, &Containers::heartbeat);
  service.query("FunctionGetInputs", this, &Containers::get_inputs);
  service.query("FunctionPutOutputs", this, &Containers::put_outputs);
  service.query("FunctionGetDynamicConcurrency", this, &Containers::get_dynamic_concurrency);
  service.mutation("TaskResult", this, &Containers::task_result);
  service.query("TaskList", this, &Containers::list);
  service.query("TaskGetInfo", this, &Containers::get_info);
  service.mutation("ContainerStop", this, &Containers::stop);
}

Result<Containers::SessionPtr> Containers::session_of(const rpc::Call& call) const {
  if (call.caller.kind != rpc::Caller::Kind::Container) {
    return error(Code::PermissionDenied, "{} is for containers of this server", call.rpc);
  }
  SessionPtr session = context_.containers->session(call.caller.task_id);
  if (!session) return error(Code::FailedPrecondition, "container {} was stopped", call.caller.task_id);
  return session;
}

Task<Result<Containers::Empty>> Containers::hello(rpc::Call call, Empty) {
  CO_TRY(SessionPtr session, session_of(call));
  session->hello();
  co_return Empty();
}

Task<Result<api::ContainerHeartbeatResponse>> Containers::heartbeat(rpc::Call call, api::ContainerHeartbeatRequest) {
  CO_TRY(SessionPtr session, session_of(call));
  session->heartbeat();
  const Deadline deadline =
      Deadline::after(kHeartbeatPoll).or_earlier(Deadline::at(call.deadline.point() - kBeforeLost));
  const std::vector<std::string> cancelled = co_await session->cancelled_inputs(deadline);
  api::ContainerHeartbeatResponse response;
  auto& event = *response.mutable_cancel_input_event();
  for (const std::string& input_id : cancelled) event.add_input_ids(input_id);
  co_return response;
}

Task<Result<api::FunctionGetInputsResponse>> Containers::get_inputs(
    rpc::Call call, api::FunctionGetInputsRequest request) {
  CO_TRY(SessionPtr session, session_of(call));
  const runtime::Batch batch{
      .max_size = std::max(1u, request.batch_max_size()),
      .linger = std::chrono::milliseconds(std::min<std::uint64_t>(request.batch_linger_ms(), kMaxLinger.count()))};
  const Deadline deadline = Deadline::after(kInputPoll).or_earlier(call.deadline);
  const runtime::Order order = co_await session->next_order(deadline, batch);
  api::FunctionGetInputsResponse response = inputs_for(order);
  for (auto& item : *response.mutable_inputs()) CO_TRY_VOID(co_await inline_large(context_, *item.mutable_input()));
  co_return response;
}

Task<Result<Containers::Empty>> Containers::put_outputs(rpc::Call call, api::FunctionPutOutputsRequest request) {
  CO_TRY(SessionPtr session, session_of(call));
  for (auto& output : *request.mutable_outputs()) {
    if (build_functions_.has(session->task_id())) {
      session->end_plain(output.input_id());
      build_functions_.put_output(session->task_id(), output.result());
      continue;
    }
    CO_TRY_VOID(co_await store_large(context_, *output.mutable_result()));
    if (session->end_plain(output.input_id())) {
      calls_.put_output(session->task_id(), std::move(output));
    } else {
      session->output(output.input_id(), failure_of(output.result()));
    }
  }
  co_return Empty();
}

// Only asked by functions whose target differs from their maximum: the target it is.
Task<Result<api::FunctionGetDynamicConcurrencyResponse>> Containers::get_dynamic_concurrency(
    rpc::Call call, api::FunctionGetDynamicConcurrencyRequest request) {
  CO_TRY_VOID(session_of(call));
  api::FunctionGetDynamicConcurrencyResponse response;
  response.set_concurrency(std::max(1u, request.target_concurrency()));
  co_return response;
}

Task<Result<Containers::Empty>> Containers::task_result(rpc::Call call, api::TaskResultRequest request) {
  CO_TRY(SessionPtr session, session_of(call));
  session->start_failed(start_failure_of(request.result()));
  co_return Empty();
}

std::optional<runtime::TaskInfo> Containers::find_task(const std::string& task_id) const {
  for (runtime::TaskInfo& task : context_.containers->list()) {
    if (task.task_id == task_id) return std::move(task);
  }
  return std::nullopt;
}

// Containers that were told to stop are left out: a client that replaces containers waits until the list is without
// the old ones, and they get no new requests any more.
Task<Result<api::TaskListResponse>> Containers::list(rpc::Call, api::TaskListRequest request) {
  std::vector<runtime::TaskInfo> tasks = context_.containers->list();
  std::erase_if(tasks, [&](const runtime::TaskInfo& task) {
    const bool other = !request.app_id().empty() && task.app_id != request.app_id();
    return other || task.draining || context_.functions->was_stopped(task.task_id);
  });
  api::TaskListResponse response;
  if (tasks.empty()) co_return response;
  auto load = [tasks](store::Transaction& transaction) { return load_apps(transaction, tasks); };
  CO_TRY(AppsById apps, co_await context_.transact(std::move(load)));
  for (const runtime::TaskInfo& task : tasks) {
    auto app = apps.find(task.app_id);
    if (app == apps.end()) continue;
    if (!request.environment_name().empty() && app->second.environment != request.environment_name()) continue;
    auto& stats = *response.add_tasks();
    stats.set_task_id(task.task_id);
    stats.set_app_id(task.app_id);
    stats.set_app_description(app->second.shown_name());
    stats.set_enqueued_at(unix_seconds(task.enqueued_at));
    stats.set_started_at(started_at(task));
  }
  co_return response;
}

Task<Result<api::TaskGetInfoResponse>> Containers::get_info(rpc::Call, api::TaskGetInfoRequest request) {
  auto task = context_.containers->find(request.task_id());
  if (!task) co_return error(Code::NotFound, "no container {} runs, or ended lately", request.task_id());
  api::TaskGetInfoResponse response;
  response.set_app_id(task->app_id);
  response.mutable_info()->set_id(task->task_id);
  response.mutable_info()->set_enqueued_at(unix_seconds(task->enqueued_at));
  response.mutable_info()->set_started_at(started_at(*task));
  const bool ended = task->finished_at.time_since_epoch().count() != 0;
  if (ended) response.mutable_info()->set_finished_at(unix_seconds(task->finished_at));
  co_return response;
}

Result<void> Containers::check_may_stop(const rpc::Call& call, const runtime::TaskInfo& task) const {
  if (call.caller.kind == rpc::Caller::Kind::Client) return {};
  auto own = find_task(call.caller.task_id);
  if (own && own->app_id == task.app_id) return {};
  return error(Code::PermissionDenied, "a container can stop containers of its own app only");
}

Task<Result<api::ContainerStopResponse>> Containers::stop(rpc::Call call, api::ContainerStopRequest request) {
  auto task = find_task(request.task_id());
  if (!task) co_return error(Code::NotFound, "no container {} runs", request.task_id());
  CO_TRY_VOID(check_may_stop(call, *task));
  if (call.caller.kind == rpc::Caller::Kind::Container && call.caller.task_id == request.task_id()) {
    CO_TRY(SessionPtr session, session_of(call));
    session->stop_fetching();
  }
  if (const auto command = context_.containers->command(request.task_id())) {
    command->kill();
    co_return api::ContainerStopResponse();
  }
  // False: its pool let it go already, which is what was asked for.
  context_.functions->stop_container(
      request.task_id(), request.graceful() ? scheduler::Stop::WhenEmpty : scheduler::Stop::Now);
  co_return api::ContainerStopResponse();
}

}  // namespace bimodal::control
