#include "scheduler/functions.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <map>
#include <set>
#include <utility>

#include "async/pulse.h"
#include "async/scope.h"
#include "base/log.h"
#include "scheduler/host_capacity.h"

namespace bimodal::scheduler {

namespace asio = boost::asio;

namespace {

struct Published {
  std::string app_id;
  std::shared_ptr<FunctionHandle> handle = std::make_shared<FunctionHandle>();
  std::shared_ptr<Pool> current;
  std::shared_ptr<Pool> pending;  // warms up to replace `current`
};

Task<std::optional<ContainerExit>> exit_before(std::shared_ptr<Container> container, Deadline deadline) {
  using asio::experimental::awaitable_operators::operator||;
  auto first = co_await (container->wait_exit() || sleep_until(deadline));
  if (first.index() != 0) co_return std::nullopt;
  co_return std::get<0>(std::move(first));
}

// A caller chooses the arguments of a class, so that no set of them is kept warm: their number is the caller's, too.
model::ScalingPolicy scaling_of(const model::FunctionVersion& version, model::ScalingPolicy scaling) {
  if (!version.parameters.empty()) scaling.min_containers = scaling.buffer_containers = 0;
  if (!version.variant.is_none()) scaling.min_containers = 0;
  return scaling;
}

void add(PoolLoad& sum, const PoolLoad& load) {
  sum.containers += load.containers;
  sum.busy += load.busy;
  sum.starting += load.starting;
  sum.running += load.running;
  sum.waiting += load.waiting;
}

// A pool with options of its own doesn't follow the function's.
bool follows(const Pool& pool) {
  return pool.version().variant.options.empty();
}

model::FunctionVersionPtr with_scaling_of(const model::FunctionVersionPtr& version) {
  if (version->parameters.empty()) return version;
  auto copy = std::make_shared<model::FunctionVersion>(*version);
  copy->scaling = scaling_of(*version, version->scaling);
  return copy;
}

bool is_definition(const std::shared_ptr<Pool>& pool, const model::FunctionVersion& version) {
  return pool && pool->version().definition_id == version.definition_id;
}

}  // namespace

struct Functions::State {
  State(Launcher& launcher, asio::any_io_executor control, PoolLimits limits)
      : launcher(launcher), control(control), limits(limits), scope(control, "functions"), changed(control) {}

  void install(const model::FunctionVersionPtr& version, Switch how);
  Task<void> switch_when_warm(std::shared_ptr<Pool> fresh, Switch how);
  Task<void> warm_up(std::shared_ptr<Pool> pool);
  void set_current(Published& function, std::shared_ptr<Pool> pool);
  void withdraw(std::shared_ptr<Pool>& pool);
  void remove(Published& function);
  Published& find_or_add(const model::FunctionVersion& version);

  Task<void> close_pool(std::shared_ptr<Pool> pool, Deadline patience);
  Task<void> abort_pool(std::shared_ptr<Pool> pool);
  bool drains(const std::string& app_id) const;
  static std::vector<std::shared_ptr<Pool>> pools_of(const Published& function);

  Launcher& launcher;
  asio::any_io_executor control;
  PoolLimits limits;
  mutable std::mutex mutex;  // of the map's shape, which only the control loop changes
  std::map<std::string, Published> functions;
  std::list<std::shared_ptr<Pool>> draining;
  Scope scope;
  Pulse changed;  // a pool has drained
};

Functions::Functions(Launcher& launcher, asio::any_io_executor control, PoolLimits limits)
    : state_(std::make_unique<State>(launcher, std::move(control), limits)) {}

Functions::~Functions() = default;

std::shared_ptr<FunctionHandle> Functions::find(const std::string& function_id) const {
  std::lock_guard lock(state_->mutex);
  auto found = state_->functions.find(function_id);
  return found == state_->functions.end() ? nullptr : found->second.handle;
}

void Functions::publish(const std::string& app_id, std::vector<model::FunctionVersionPtr> versions, Switch how) {
  std::set<std::string> published;
  for (auto& version : versions) {
    published.insert(version->function_id);
    state_->install(version, how);
  }
  for (auto& [id, function] : state_->functions) {
    if (function.app_id == app_id && !published.contains(id)) state_->remove(function);
  }
}

Task<void> Functions::stop(std::string app_id) {
  for (auto& [id, function] : state_->functions) {
    if (function.app_id == app_id) state_->remove(function);
  }
  // A copy: a pool without containers is closed, and leaves the list, at once.
  auto draining = state_->draining;
  for (auto& pool : draining) {
    if (pool->version().app_id != app_id) continue;
    state_->scope.spawn(state_->close_pool(pool, Deadline::after(pool->stop_patience())));
  }
  while (state_->drains(app_id)) co_await state_->changed.wait(Deadline::never());
}

void Functions::kill_stuck(std::string task_id) {
  asio::post(state_->control, [this, task_id = std::move(task_id)] {
    if (stop_container(task_id, Stop::Kill)) log::warning("container {}: killed, a request in it doesn't end", task_id);
  });
}

void Functions::retire(std::string task_id, std::string why) {
  asio::post(state_->control, [this, task_id = std::move(task_id), why = std::move(why)] {
    if (stop_container(task_id, Stop::WhenEmpty)) log::warning("container {} is replaced: {}", task_id, why);
  });
}

Task<std::optional<ContainerExit>> Functions::exit_of(std::shared_ptr<Container> container, Deadline deadline) const {
  auto known = exit_before(std::move(container), deadline);
  co_return co_await asio::co_spawn(state_->control, std::move(known), asio::use_awaitable);
}

bool Functions::stop_container(const std::string& task_id, Stop how) {
  auto stop = [&](const std::shared_ptr<Pool>& pool) { return pool && pool->stop_container(task_id, how); };
  for (auto& [id, function] : state_->functions) {
    const auto pools = State::pools_of(function);
    if (std::none_of(pools.begin(), pools.end(), stop)) continue;
    const bool last = function.current && function.current->load().containers == 0;
    if (last && function.pending) state_->set_current(function, std::exchange(function.pending, nullptr));
    return true;
  }
  return std::any_of(state_->draining.begin(), state_->draining.end(), stop);
}

bool Functions::was_stopped(const std::string& task_id) const {
  const auto was = [&](const std::shared_ptr<Pool>& pool) { return pool->was_stopped(task_id); };
  for (const auto& [id, function] : state_->functions) {
    if (std::ranges::any_of(State::pools_of(function), was)) return true;
  }
  return std::ranges::any_of(state_->draining, was);
}

bool Functions::update_scaling(const std::string& function_id, model::ScalingPolicy scaling) {
  auto found = state_->functions.find(function_id);
  if (found == state_->functions.end() || !found->second.current) return false;
  for (auto& pool : State::pools_of(found->second)) {
    if (follows(*pool)) pool->update_scaling(scaling_of(pool->version(), scaling));
  }
  return true;
}

Result<void> Functions::check_room(const std::string& object, const model::Resources& resources) const {
  return state_->limits.host ? state_->limits.host->check(object, resources) : Result<void>();
}

Task<Result<std::shared_ptr<HostGuest>>> Functions::admit(
    model::FunctionVersion who, Deadline deadline, HostGuest::InVain in_vain) const {
  if (state_->limits.host == nullptr) co_return nullptr;
  co_return co_await HostGuest::admit(*state_->limits.host, std::move(who), deadline, in_vain);
}

std::optional<PoolLoad> Functions::load(const std::string& function_id) const {
  auto found = state_->functions.find(function_id);
  if (found == state_->functions.end() || !found->second.current) return std::nullopt;
  PoolLoad sum;
  for (auto& pool : State::pools_of(found->second)) {
    if (pool == found->second.pending || !follows(*pool)) continue;
    add(sum, pool->load());
  }
  return sum;
}

std::vector<Functions::Load> Functions::loads() const {
  std::vector<Load> loads;
  for (const auto& [id, function] : state_->functions) {
    const auto pools = State::pools_of(function);
    if (pools.empty()) continue;
    const model::FunctionVersion& version = pools.front()->version();
    Load load{id, version.environment, version.app_name, version.tag, {}};
    for (const auto& pool : pools) add(load.load, pool->load());
    loads.push_back(std::move(load));
  }
  return loads;
}

Task<void> Functions::close(Deadline grace) {
  for (auto& [id, function] : state_->functions) state_->remove(function);
  auto patient = state_->draining;
  for (auto& pool : patient) state_->scope.spawn(state_->close_pool(pool, Deadline::after({})));
  bool in_time = true;
  while (!state_->draining.empty() && in_time) in_time = co_await state_->changed.wait(grace);
  auto late = state_->draining;
  for (auto& pool : late) state_->scope.spawn(state_->abort_pool(pool));
  while (!state_->draining.empty()) co_await state_->changed.wait(Deadline::never());
  co_await state_->scope.close();
}

void Functions::State::install(const model::FunctionVersionPtr& version, Switch how) {
  Published& function = find_or_add(*version);
  if (is_definition(function.current, *version)) {
    withdraw(function.pending);
    for (auto& pool : pools_of(function)) {
      const model::FunctionVersion& own = pool->version();
      pool->update_scaling(scaling_of(own, follows(*pool) ? version->scaling : own.scaling));
    }
    return;
  }
  if (how == Switch::WhenWarm && is_definition(function.pending, *version)) return;
  withdraw(function.pending);
  auto fresh = Pool::create(with_scaling_of(version), launcher, control, limits);
  bool was_warm = function.current && function.current->load().containers > 0;
  if (was_warm && (how == Switch::WhenWarm || version->is_server)) {
    function.pending = fresh;
    fresh->succeed(function.current);
    scope.spawn(switch_when_warm(fresh, how));
    return;
  }
  set_current(function, fresh);
  if (was_warm) scope.spawn(warm_up(fresh));
}

Published& Functions::State::find_or_add(const model::FunctionVersion& version) {
  std::lock_guard lock(mutex);
  Published& function = functions[version.function_id];
  function.app_id = version.app_id;
  FunctionHandle& handle = *function.handle;
  if (handle.make_) return function;
  handle.max_sets_ = limits.max_parameter_sets;
  handle.make_ = [this](model::FunctionVersionPtr bound) { return Pool::create(bound, launcher, control, limits); };
  handle.retire_ = [this](std::shared_ptr<Pool> pool) {
    asio::post(control, [this, pool = std::move(pool)]() mutable { withdraw(pool); });
  };
  return function;
}

Task<void> Functions::State::switch_when_warm(std::shared_ptr<Pool> fresh, Switch how) {
  auto warm = co_await fresh->warm_up();
  Published& function = functions.at(fresh->version().function_id);
  if (function.pending != fresh) co_return;  // overtaken by another publish or a stop
  if (warm || how == Switch::AtOnce) {
    function.pending = nullptr;
    set_current(function, fresh);
    co_return;
  }
  log::warning(
      "app {}: the new version of {} doesn't start, the old one goes on serving: {}", fresh->version().app_name,
      fresh->version().tag, warm.error().message);
  withdraw(function.pending);
}

Task<void> Functions::State::warm_up(std::shared_ptr<Pool> pool) {
  auto warm = co_await pool->warm_up();
  if (warm || warm.error().code == Code::Unavailable) co_return;
  log::warning("app {}: {} doesn't start: {}", pool->version().app_name, pool->version().tag, warm.error().message);
}

void Functions::State::set_current(Published& function, std::shared_ptr<Pool> pool) {
  for (auto& replaced : function.handle->set(pool)) withdraw(replaced);
  function.current.swap(pool);
  withdraw(pool);
}

// Lets a pool drain in the background, with as much time as its requests may take.
void Functions::State::withdraw(std::shared_ptr<Pool>& pool) {
  if (!pool) return;
  draining.push_back(pool);
  scope.spawn(close_pool(pool, Deadline::never()));
  pool = nullptr;
}

void Functions::State::remove(Published& function) {
  withdraw(function.pending);
  set_current(function, nullptr);
}

Task<void> Functions::State::close_pool(std::shared_ptr<Pool> pool, Deadline patience) {
  co_await pool->close(patience);
  draining.remove(pool);
  changed.notify_all();
}

Task<void> Functions::State::abort_pool(std::shared_ptr<Pool> pool) {
  co_await pool->abort();
  draining.remove(pool);
  changed.notify_all();
}

std::vector<std::shared_ptr<Pool>> Functions::State::pools_of(const Published& function) {
  auto pools = function.handle->bound_pools();
  if (function.current) pools.push_back(function.current);
  if (function.pending) pools.push_back(function.pending);
  return pools;
}

bool Functions::State::drains(const std::string& app_id) const {
  auto is_of_app = [&](const std::shared_ptr<Pool>& pool) { return pool->version().app_id == app_id; };
  return std::any_of(draining.begin(), draining.end(), is_of_app);
}

}  // namespace bimodal::scheduler
