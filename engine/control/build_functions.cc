#include "control/build_functions.h"

#include <utility>

#include "async/pulse.h"
#include "async/scope.h"
#include "base/ids.h"
#include "control/app_records.h"
#include "control/container_arguments.h"
#include "control/no_arguments.h"
#include "runtime/containers.h"
#include "scheduler/functions.h"
#include "store/environment_table.h"
#include "store/function_table.h"

namespace bimodal::control {
namespace {

constexpr auto kRoomPatience = std::chrono::seconds(10);  // for idle containers to give way

Result<model::FunctionVersion> load_version(
    store::Transaction& transaction, const Settings& settings, const std::string& function_id) {
  TRY(auto row, store::FunctionTable(transaction).find(function_id));
  TRY(auto definition, store::DefinitionTable(transaction).newest_of(function_id));
  api::Function function;
  if (!row || !definition || !function.ParseFromString(definition->function)) {
    return error(Code::NotFound, "the build function {} is not there: run the command again", function_id);
  }
  if (!function.is_builder_function()) {
    return error(Code::InvalidArgument, "function '{}' is none of Image.run_function()", function.function_name());
  }
  TRY(auto app, require_running_app(transaction, row->app_id));
  TRY(auto environment, store::EnvironmentTable(transaction).resolve(app.environment));
  return function_version(Home{settings, app, environment}, {function_id, definition->definition_id}, function, {});
}

// One of the kMaxRunning places; given back when destroyed.
class Place {
 public:
  Place(int& taken, Pulse& freed) : taken_(taken), freed_(freed) { ++taken_; }
  ~Place() {
    --taken_;
    freed_.notify_all();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  int& taken_;
  Pulse& freed_;
};

Task<void> kill_at(std::shared_ptr<scheduler::Container> container, Deadline deadline, bool& expired) {
  expired = co_await sleep_until(deadline);
  if (expired) container->kill();
}

std::string title_of(const model::FunctionVersion& version) {
  return "run_function(" + version.tag + ")";
}

runtime::PlainInputPtr plain_input(const api::FunctionInput& input) {
  auto out = std::make_shared<runtime::PlainInput>();
  out->input_id = new_id("in");
  out->call_id = new_id("fc");
  out->arguments = input.SerializeAsString();
  out->invocation = api::FUNCTION_CALL_INVOCATION_TYPE_SYNC;
  return out;
}

}  // namespace

Task<Result<image::ForeignStep>> BuildFunctions::step_of(const api::ImageGetOrCreateRequest& request) {
  const api::BuildFunction& function = request.image().build_function();
  auto load = [this, id = request.build_function_id()](store::Transaction& transaction) {
    return load_version(transaction, context_.settings, id);
  };
  auto job = std::make_shared<Job>();
  job->input = function.has_input() ? function.input() : input_without_arguments();
  CO_TRY(auto version, co_await context_.transact(std::move(load)));
  job->version = std::make_shared<const model::FunctionVersion>(std::move(version));
  image::ForeignStep step;
  step.title = title_of(*job->version);
  step.fingerprint = sha256_hex(function.SerializeAsString());
  step.run = [this, job](std::filesystem::path tree, image::BuildLog log) {
    return run(job, std::move(tree), std::move(log));
  };
  co_return step;
}

Task<Result<void>> BuildFunctions::run(
    std::shared_ptr<const Job> job, std::filesystem::path tree, image::BuildLog log) {
  while (running_ >= kMaxRunning) co_await freed_.wait(Deadline::never());
  const Place place(running_, freed_);
  co_return co_await run_in_place(std::move(job), std::move(tree), std::move(log));
}

// What it says itself, a traceback included, is in the log by then.
Task<Result<void>> BuildFunctions::run_in_place(
    std::shared_ptr<const Job> job, std::filesystem::path tree, image::BuildLog log) {
  const model::FunctionVersion& version = *job->version;
  // What it waits for may be containers of the very app that it is built for, which serve on.
  const Deadline patience = Deadline::after(kRoomPatience);
  auto entering = context_.functions->admit(version, patience, scheduler::HostGuest::InVain::Overdraws);
  CO_TRY(const auto room, co_await std::move(entering));
  runtime::BuildStep build;
  build.upper = std::move(tree);
  build.output = [log](model::LogEntry entry) { log(entry.text); };
  auto launched = co_await context_.containers->launch_step(job->version, std::move(build));
  if (!launched) {
    co_return error(
        Code::FailedPrecondition, "{}: its container doesn't start: {}", title_of(version), launched.error().message);
  }
  const std::shared_ptr<scheduler::Container> container = *std::move(launched);
  const std::string task_id = container->task_id();
  runs_[task_id].container = container;
  auto session = context_.containers->session(task_id);
  if (session) session->give(plain_input(job->input));

  bool expired = false;
  Scope watch(context_.executor, "build function");
  watch.spawn(kill_at(container, Deadline::after(version.timeout), expired));
  const scheduler::ContainerExit exit = co_await container->wait_exit();
  co_await watch.close();
  const std::optional<api::GenericResult> result = std::move(runs_.extract(task_id).mapped().result);

  if (expired) {
    const auto limit = std::chrono::duration_cast<std::chrono::seconds>(version.timeout);
    co_return error(Code::DeadlineExceeded, "{} took longer than {} s (timeout=)", title_of(version), limit.count());
  }
  if (result && result->status() != api::GenericResult::GENERIC_STATUS_SUCCESS) {
    co_return error(Code::FailedPrecondition, "{} failed: {}", title_of(version), failure_of(*result));
  }
  if (!result || exit.kind != scheduler::ExitKind::Finished) {
    const std::string reason = exit.reason.empty() ? "it exited without a result" : exit.reason;
    co_return error(Code::FailedPrecondition, "{}: its container ended: {}", title_of(version), reason);
  }
  co_return Result<void>();
}

void BuildFunctions::put_output(const std::string& task_id, const api::GenericResult& result) {
  Run& run = runs_.at(task_id);
  run.result = result;
  run.result->clear_data();  // nobody asks for what it returned
  run.container->drain();
}

}  // namespace bimodal::control
