#include "runtime/containers.h"

#include <deque>

#include "async/pulse.h"
#include "async/scope.h"
#include "base/ids.h"
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
        changed(this->surroundings.executor) {
    this->surroundings.standbys = &standbys;
  }

  Task<void> run(std::shared_ptr<LiveContainer> container) {
    co_await container->run();
    ended.push_back(container->info());
    ended.back().finished_at = std::chrono::system_clock::now();
    if (ended.size() > kEndedKept) ended.pop_front();
    containers.erase(container->task_id());
    changed.notify_all();
  }

  Surroundings surroundings;
  std::map<std::string, std::shared_ptr<LiveContainer>> containers;
  std::deque<TaskInfo> ended;  // oldest first
  Standbys standbys;
  Scope scope;
  Scope execs;    // may outlive their container by a moment: until their last output was read
  Pulse changed;  // a container is gone
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
  if (state_->closed) co_return error(Code::Unavailable, "the daemon is shutting down");
  auto container = std::make_shared<LiveContainer>(state_->surroundings, std::move(version), new_task_id());
  state_->containers.emplace(container->task_id(), container);
  KillUnlessKept guard(container);
  state_->scope.spawn(state_->run(container));
  auto warm = co_await container->wait_warm();
  state_->standbys.want(container->version_pointer());
  std::shared_ptr<scheduler::Container> kept = guard.keep();
  if (!warm) co_return tl::unexpected(std::move(warm).error());
  co_return kept;
}

void Containers::expect(const std::string& app_id, std::vector<model::FunctionVersionPtr> versions) {
  state_->standbys.expect(app_id, std::move(versions));
}

void Containers::dismiss(const std::string& app_id) {
  state_->standbys.dismiss(app_id);
}

std::vector<StandbyInfo> Containers::standbys() const {
  return state_->standbys.list();
}

std::shared_ptr<Session> Containers::session(const std::string& task_id) const {
  auto found = state_->containers.find(task_id);
  return found == state_->containers.end() ? nullptr : found->second;
}

std::vector<TaskInfo> Containers::list() const {
  std::vector<TaskInfo> tasks;
  for (auto& [id, container] : state_->containers) tasks.push_back(container->info());
  return tasks;
}

Task<Result<std::shared_ptr<ContainerExec>>> Containers::exec(std::string task_id, ExecRequest request) {
  auto found = state_->containers.find(task_id);
  if (found == state_->containers.end()) co_return error(Code::NotFound, "no container {} runs", task_id);
  auto container = found->second;
  co_return co_await container->exec(state_->execs, std::move(request));
}

std::optional<TaskInfo> Containers::find(const std::string& task_id) const {
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
  co_await state_->execs.close();
  co_await state_->standbys.close();
  while (!state_->containers.empty()) co_await state_->changed.wait(Deadline::never());
  co_await state_->scope.close();
  // Also what an earlier daemon's last processes wrote while this one started.
  remove_stale_run_directories(state_->surroundings.config.home);
}

}  // namespace bimodal::runtime
