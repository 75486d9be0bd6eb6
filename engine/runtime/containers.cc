#include "runtime/containers.h"

#include <deque>

#include "async/pulse.h"
#include "async/scope.h"
#include "base/ids.h"
#include "base/log.h"
#include "runtime/command_container.h"
#include "runtime/disk_guard.h"
#include "runtime/live_container.h"
#include "runtime/run_directory.h"
#include "runtime/standbys.h"

namespace bimodal::runtime {

namespace asio = boost::asio;

namespace {

// Kills a container when its start is given up by an exception: a cancelled coroutine.
class KillUnlessKept {
 public:
  explicit KillUnlessKept(std::shared_ptr<LiveContainer> container) : container_(std::move(container)) {}
  ~KillUnlessKept() {
    if (container_) container_->kill();
  }
  std::shared_ptr<LiveContainer> keep() { return std::move(container_); }

 private:
  std::shared_ptr<LiveContainer> container_;
};

}  // namespace

struct Containers::State {
  explicit State(Surroundings surroundings)
      : surroundings(std::move(surroundings)),
        standbys(this->surroundings),
        scope(this->surroundings.executor, "containers"),
        execs(this->surroundings.executor, "execs"),
        changed(this->surroundings.executor),
        disk(
            this->surroundings.config.home, [this] { return disk_users(); },
            [this](const std::string& task_id, std::string why) { end_because(task_id, std::move(why)); }) {
    this->surroundings.standbys = &standbys;
  }

  // Completes when it is warm.
  Task<Result<std::shared_ptr<scheduler::Container>>> launch(std::shared_ptr<LiveContainer> container) {
    if (closed) co_return error(Code::Unavailable, "the daemon is shutting down");
    containers.emplace(container->task_id(), container);
    KillUnlessKept guard(container);
    guard_disk();
    scope.spawn(run(container));
    auto warm = co_await container->wait_warm();
    std::shared_ptr<scheduler::Container> kept = guard.keep();
    if (!warm) co_return tl::unexpected(std::move(warm).error());
    co_return kept;
  }

  Task<void> run(std::shared_ptr<LiveContainer> container) {
    co_await container->run();
    remember(container->info());
    containers.erase(container->task_id());
    changed.notify_all();
  }

  Task<void> run(std::shared_ptr<CommandContainer> container) {
    co_await container->run();
    remember(container->info());
    forget(*container);
  }

  void guard_disk() {
    if (!std::exchange(guarding_disk, true)) scope.spawn(disk.watch());
  }

  std::vector<DiskUser> disk_users() const {
    std::vector<DiskUser> users = standbys.disk_users();
    for (const auto& [id, container] : containers) {
      if (auto directory = container->directory()) users.push_back({id, *std::move(directory)});
    }
    for (const auto& [id, command] : commands) {
      if (auto directory = command->directory()) users.push_back({id, *std::move(directory)});
    }
    return users;
  }

  void end_because(const std::string& task_id, std::string why) {
    log::warning("{}: {}", task_id, why);
    standbys.end_parked(task_id, why);
    if (auto found = containers.find(task_id); found != containers.end()) found->second->kill_because(std::move(why));
    if (auto found = commands.find(task_id); found != commands.end()) found->second->kill();
  }

  void forget(const CommandContainer& container) {
    commands.erase(container.task_id());
    changed.notify_all();
  }

  void remember(TaskInfo info) {
    info.finished_at = std::chrono::system_clock::now();
    ended.push_back(std::move(info));
    if (ended.size() > kEndedKept) ended.pop_front();
  }

  bool runs_commands_of(const std::string& app_id) const {
    for (const auto& [id, command] : commands) {
      if (command->app_id() == app_id) return true;
    }
    return false;
  }

  Surroundings surroundings;
  std::map<std::string, std::shared_ptr<LiveContainer>> containers;
  std::map<std::string, std::shared_ptr<CommandContainer>> commands;
  std::deque<TaskInfo> ended;  // oldest first
  Standbys standbys;
  Scope scope;
  Scope execs;    // may outlive their container by a moment: until their last output was read
  Pulse changed;  // a container is gone
  DiskGuard disk;
  bool guarding_disk = false;
  bool closed = false;
};

Containers::Containers(
    asio::any_io_executor executor, sandbox::Launcher& sandboxes, Planner& planner, ApiConnections& api, LogSink logs,
    ContainersConfig config) {
  remove_stale_run_directories(config.home);
  Surroundings surroundings{std::move(executor), sandboxes, planner, api, std::move(logs), std::move(config), nullptr};
  state_ = std::make_unique<State>(std::move(surroundings));
}

Containers::~Containers() = default;

Task<Result<std::shared_ptr<scheduler::Container>>> Containers::launch(model::FunctionVersionPtr version) {
  std::string task_id = state_->standbys.claim(version);
  if (task_id.empty()) task_id = new_task_id();
  auto container = std::make_shared<LiveContainer>(state_->surroundings, version, std::move(task_id), std::nullopt);
  auto launched = co_await state_->launch(std::move(container));
  if (!state_->closed) state_->standbys.want(std::move(version));
  co_return launched;
}

Task<Result<std::shared_ptr<scheduler::Container>>> Containers::launch_step(
    model::FunctionVersionPtr version, BuildStep step) {
  if (state_->closed) co_return error(Code::Unavailable, "the daemon is shutting down");
  auto container =
      std::make_shared<LiveContainer>(state_->surroundings, std::move(version), new_task_id(), std::move(step));
  auto launched = co_await state_->launch(container);
  if (!launched) co_await container->wait_exit();
  co_return launched;
}

void Containers::expect(const std::string& app_id, std::vector<model::FunctionVersionPtr> versions) {
  state_->standbys.expect(app_id, std::move(versions));
}

void Containers::dismiss(const std::string& app_id) {
  state_->standbys.dismiss(app_id);
}

void Containers::give_way() {
  state_->standbys.give_way();
}

std::vector<StandbyInfo> Containers::standbys() const {
  return state_->standbys.list();
}

void Containers::write_metrics(metrics::Page& page) const {
  state_->surroundings.counts->write(page);
  auto& reserve = page.family("bimodal_standbys", "Containers in reserve", metrics::Type::Gauge);
  std::map<std::string_view, std::int64_t> states{{"loading", 0}, {"ready", 0}, {"parked", 0}};
  for (const StandbyInfo& standby : standbys()) {
    ++states[!standby.ready ? "loading" : standby.parked ? "parked" : "ready"];
  }
  for (const auto& [state, count] : states) reserve.add({{"state", state}}, count);
}

std::shared_ptr<Session> Containers::session(const std::string& task_id) const {
  auto found = state_->containers.find(task_id);
  return found == state_->containers.end() ? nullptr : found->second;
}

std::vector<TaskInfo> Containers::list() const {
  std::vector<TaskInfo> tasks;
  for (auto& [id, container] : state_->containers) tasks.push_back(container->info());
  for (auto& [id, command] : state_->commands) tasks.push_back(command->info());
  return tasks;
}

Task<Result<std::shared_ptr<ContainerExec>>> Containers::exec(std::string task_id, ExecRequest request) {
  if (auto command = this->command(task_id)) co_return co_await command->exec(state_->execs, std::move(request));
  auto found = state_->containers.find(task_id);
  if (found == state_->containers.end()) co_return error(Code::NotFound, "no container {} runs", task_id);
  auto container = found->second;
  co_return co_await container->exec(state_->execs, std::move(request));
}

Task<Result<std::shared_ptr<CommandContainer>>> Containers::run_command(CommandPlan plan) {
  if (state_->closed) co_return error(Code::Unavailable, "the daemon is shutting down");
  const int most = state_->surroundings.config.max_commands;
  if (state_->commands.size() >= static_cast<std::size_t>(most)) {
    co_return error(
        Code::ResourceExhausted,
        "{} sandboxes run, as many as this server allows (limits.max_sandboxes): terminate some", most);
  }
  auto command = std::make_shared<CommandContainer>(state_->surroundings, std::move(plan), new_task_id());
  state_->commands.emplace(command->task_id(), command);
  bool runs = false;
  const std::shared_ptr<void> guard(nullptr, [this, &runs, command](void*) {
    if (!runs) state_->forget(*command);
  });
  CO_TRY_VOID(co_await command->start());
  runs = true;
  state_->guard_disk();
  state_->scope.spawn(state_->run(command));
  co_return command;
}

std::shared_ptr<CommandContainer> Containers::command(const std::string& task_id) const {
  auto found = state_->commands.find(task_id);
  return found == state_->commands.end() ? nullptr : found->second;
}

Task<void> Containers::end_commands(std::string app_id) {
  while (state_->runs_commands_of(app_id)) {
    for (auto& [id, command] : state_->commands) {
      if (command->app_id() == app_id) command->kill();
    }
    if (!co_await state_->changed.wait(Deadline::never())) co_return;
  }
}

std::optional<TaskInfo> Containers::find(const std::string& task_id) const {
  if (auto command = this->command(task_id)) return command->info();
  auto found = state_->containers.find(task_id);
  if (found != state_->containers.end()) return found->second->info();
  for (const TaskInfo& task : state_->ended) {
    if (task.task_id == task_id) return task;
  }
  return std::nullopt;
}

Task<void> Containers::close() {
  state_->closed = true;
  for (auto& [id, container] : state_->containers) container->kill();
  for (auto& [id, command] : state_->commands) command->kill();
  co_await state_->execs.close();
  co_await state_->standbys.close();
  while (!state_->containers.empty() || !state_->commands.empty()) co_await state_->changed.wait(Deadline::never());
  co_await state_->scope.close();
  // Also what an earlier daemon's last processes wrote while this one started.
  remove_stale_run_directories(state_->surroundings.config.home);
}

}  // namespace bimodal::runtime
