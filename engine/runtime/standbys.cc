#include "runtime/standbys.h"

#include <algorithm>

#include "base/log.h"

namespace bimodal::runtime {

using namespace std::chrono_literals;

namespace {

constexpr auto kAfterStart = 200ms;  // containers that start now, or have just started, go first
constexpr auto kFirstPause = 1s;     // after one that failed; doubled with each
constexpr auto kLongestPause = 10min;

// Equal for two starts exactly when a standby for one can become the other.
std::string key_of(const model::FunctionVersion& version, const ContainerPlan& plan, const ContainersConfig& config) {
  std::string key = version.app_id;
  auto add = [&key](const std::string& part) { key.append(1, '\0').append(part); };
  add(fmt::format(
      "{} {} {} {}", version.block_network, memory_limit_of(version, config), version.resources.cpu_milli_max,
      plan.reserve->layers));
  add(plan.workdir);
  add(plan.user);
  add(plan.python);
  for (std::size_t i = 0; i < plan.reserve->layers; ++i) add(plan.layers[i].native());
  for (const auto& [name, value] : plan.reserve->env) add(name + "=" + value);
  return key;
}

}  // namespace

Standbys::Standbys(Surroundings& surroundings)
    : surroundings_(surroundings), changed_(surroundings.executor), scope_(surroundings.executor, "standbys") {}

void Standbys::expect(const std::string& app_id, std::vector<model::FunctionVersionPtr> versions) {
  apps_.insert(app_id);
  if (closed_ || surroundings_.config.max_standbys == 0) return;
  if (!versions.empty()) scope_.spawn(expect_all(app_id, std::move(versions)));
}

void Standbys::dismiss(const std::string& app_id) {
  apps_.erase(app_id);
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries_) {
    if (entry.app_id == app_id) keys.push_back(key);
  }
  for (const auto& key : keys) drop(key);
  drop_parked_of(app_id, {});
}

void Standbys::want(model::FunctionVersionPtr version) {
  if (closed_ || surroundings_.config.max_standbys == 0 || !apps_.contains(version->app_id)) return;
  scope_.spawn(want_one(std::move(version)));
}

std::shared_ptr<Standby> Standbys::take(const model::FunctionVersion& version, const ContainerPlan& plan) {
  if (!plan.reserve) return nullptr;
  auto found = entries_.find(key_of(version, plan, surroundings_.config));
  if (found == entries_.end()) return nullptr;
  auto standby = found->second.standby;
  entries_.erase(found);
  standby->changed.notify_all();
  changed_.notify_all();
  return standby;
}

void Standbys::release(const std::shared_ptr<Standby>& standby) {
  alive_.erase(standby);
  changed_.notify_all();
}

void Standbys::discard(std::shared_ptr<Standby> standby) {
  scope_.spawn(end(std::move(standby)));
}

std::vector<StandbyInfo> Standbys::list() const {
  std::vector<StandbyInfo> all;
  for (const auto& [key, entry] : entries_) {
    all.push_back({entry.standby->id(), entry.app_id, entry.standby->ready()});
  }
  for (const auto& [task_id, parked] : parked_) {
    all.push_back({parked.standby->id(), parked.version->app_id, parked.standby->ready(), true});
  }
  return all;
}

Task<void> Standbys::close() {
  closed_ = true;
  entries_.clear();
  parked_.clear();
  wishes_.clear();
  changed_.notify_all();
  auto alive = alive_;
  for (const auto& standby : alive) {
    standby->changed.notify_all();
    scope_.spawn(end(standby));
  }
  while (!alive_.empty()) co_await changed_.wait(Deadline::never());
  co_await scope_.close();
}

// The standbys of images that the app doesn't have any more go.
Task<void> Standbys::expect_all(std::string app_id, std::vector<model::FunctionVersionPtr> versions) {
  if (!co_await sleep_until(Deadline::after(kAfterStart))) co_return;
  std::set<std::string> keys;
  std::map<std::string, int> functions;  // of each key
  drop_parked_of(app_id, versions);
  for (auto& version : versions) {
    Prepared prepared = co_await prepare(version);
    const bool only_one = ++functions[prepared.key] == 1;
    wishes_.erase(prepared.key);
    if (prepared.parkable && only_one) wish_parked(prepared.key, version);
    keys.insert(std::move(prepared.key));
  }
  auto entries = entries_;
  for (const auto& [key, entry] : entries) {
    if (entry.app_id == app_id && !keys.contains(key)) drop(key);
  }
}

Task<void> Standbys::want_one(model::FunctionVersionPtr version) {
  if (!co_await sleep_until(Deadline::after(kAfterStart))) co_return;
  Prepared prepared = co_await prepare(version);
  if (prepared.parkable) wish_parked(prepared.key, std::move(version));
}

// Makes sure that there is one for that version.
Task<Standbys::Prepared> Standbys::prepare(model::FunctionVersionPtr version) {
  auto plan = co_await surroundings_.planner.plan(version, "");
  Prepared prepared;
  if (!plan || !plan->reserve) co_return prepared;
  std::string key = key_of(*version, *plan, surroundings_.config);
  if (closed_ || !apps_.contains(version->app_id)) co_return prepared;
  prepared.key = key;
  prepared.parkable = plan->volumes.empty() && !unparkable_.contains(version->definition_id);
  Deadline idle_until = Deadline::after(surroundings_.config.standby_idle);
  auto found = entries_.find(key);
  if (found != entries_.end()) found->second.idle_until = idle_until;
  if (found != entries_.end() || !may_try(key)) co_return prepared;
  make_room();
  auto standby = std::make_shared<Standby>(surroundings_.executor, surroundings_.sandboxes, surroundings_.config);
  alive_.insert(standby);
  Entry entry{version->app_id, standby, idle_until};
  entries_.emplace(key, std::move(entry));
  scope_.spawn(keep(key, std::move(standby), *std::move(plan), version));
  co_return prepared;
}

Task<void> Standbys::keep(
    std::string key, std::shared_ptr<Standby> standby, ContainerPlan plan, model::FunctionVersionPtr of) {
  co_await load(key, standby, std::move(plan), std::move(of));
  while (holds(key, standby)) {
    Deadline idle_until = entries_.at(key).idle_until;
    if (idle_until.passed()) {
      drop(key);
    } else {
      co_await standby->changed.wait(idle_until);
    }
  }
  changed_.notify_all();
}

Task<void> Standbys::load(
    std::string key, std::shared_ptr<Standby> standby, ContainerPlan plan, model::FunctionVersionPtr of) {
  // One that was taken while it waited for its turn is needed now.
  while (loading_ && holds(key, standby) && !closed_) co_await changed_.wait(Deadline::never());
  bool in_turn = !loading_;
  if (in_turn) loading_ = true;
  auto loaded = co_await standby->load(std::move(plan), of);
  if (in_turn) loading_ = false;
  changed_.notify_all();
  if (loaded) {
    setbacks_.erase(key);
    park_if_ready(key);
    co_return;
  }
  if (loaded.error().code != Code::Cancelled) set_back(key, *of, loaded.error());
  if (holds(key, standby)) entries_.erase(key);
  co_await end(std::move(standby));
}

Task<void> Standbys::end(std::shared_ptr<Standby> standby) {
  co_await standby->end();
  release(standby);
}

bool Standbys::may_try(const std::string& key) {
  auto found = setbacks_.find(key);
  return found == setbacks_.end() || found->second.until.passed();
}

void Standbys::set_back(const std::string& key, const model::FunctionVersion& version, const Error& why) {
  if (setbacks_.size() >= kMaxSetbacks) setbacks_.clear();
  Setback& setback = setbacks_[key];
  bool first = setback.failures++ == 0;
  auto pause = kFirstPause * (1 << std::min(setback.failures - 1, 10));
  setback.until = Deadline::after(std::min<Deadline::Clock::duration>(pause, kLongestPause));
  if (!first) return;
  log::info("{}/{}: no container in reserve: {}", version.app_name, version.tag, why.message);
  model::LogEntry line;
  line.app_id = version.app_id;
  line.function_id = version.function_id;
  line.stream = model::LogStream::System;
  line.text = "containers of this image are started from the beginning: " + why.message + "\n";
  line.at = std::chrono::system_clock::now();
  surroundings_.logs(std::move(line));
}

bool Standbys::holds(const std::string& key, const std::shared_ptr<Standby>& standby) const {
  auto found = entries_.find(key);
  return found != entries_.end() && found->second.standby == standby;
}

void Standbys::drop(const std::string& key) {
  auto found = entries_.find(key);
  if (found == entries_.end()) return;
  auto standby = found->second.standby;
  entries_.erase(found);
  standby->changed.notify_all();
  changed_.notify_all();
  scope_.spawn(end(std::move(standby)));
}

// The one that was wanted longest ago gives way.
void Standbys::make_room() {
  const auto most = static_cast<std::size_t>(surroundings_.config.max_standbys);
  auto older = [](const auto& a, const auto& b) { return a.second.idle_until.point() < b.second.idle_until.point(); };
  while (entries_.size() + parked_.size() >= most && !parked_.empty()) {
    drop_parked(std::min_element(parked_.begin(), parked_.end(), older)->first);
  }
  while (entries_.size() >= most) drop(std::min_element(entries_.begin(), entries_.end(), older)->first);
}

}  // namespace bimodal::runtime
