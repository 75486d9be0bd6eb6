// Parked containers: standbys that have become a function's container already, but for its user's code.
#include <algorithm>

#include "base/ids.h"
#include "base/log.h"
#include "runtime/standbys.h"

namespace bimodal::runtime {
namespace {

constexpr std::chrono::minutes kAfterShortage{1};
constexpr int kParkingAttempts = 3;  // of a function's container that ends by itself each time, unused
constexpr std::chrono::seconds kBeforeRetry{1};
constexpr std::chrono::hours kAfterRefusal{1};

}  // namespace

std::string Standbys::claim(const model::FunctionVersionPtr& version) {
  for (auto& [task_id, parked] : parked_) {
    if (parked.version == version && !std::exchange(parked.claimed, true)) return task_id;
  }
  return "";
}

std::shared_ptr<Standby> Standbys::take_parked(const std::string& task_id) {
  auto found = parked_.find(task_id);
  if (found == parked_.end()) return nullptr;
  auto standby = found->second.standby;
  if (standby->parked()) unparked_.erase(found->second.version->definition_id);
  parked_.erase(found);
  standby->changed.notify_all();
  changed_.notify_all();
  return standby;
}

// One of each kind is enough: the last that was wished for.
void Standbys::wish_parked(const std::string& key, model::FunctionVersionPtr version) {
  for (auto& [task_id, parked] : parked_) {
    if (parked.version != version || parked.claimed) continue;
    parked.idle_until = Deadline::after(surroundings_.config.standby_idle);
    return;
  }
  wishes_[key] = std::move(version);
  park_if_ready(key);
}

void Standbys::park_if_ready(const std::string& key) {
  auto wish = wishes_.find(key);
  auto stock = stocks_.find(key);
  if (closed_ || wish == wishes_.end() || stock == stocks_.end() || !parking_from_.passed()) return;
  auto& waiting = stock->second->waiting;
  if (waiting.empty() || !waiting.front()->ready()) return;
  model::FunctionVersionPtr version = std::move(wish->second);
  wishes_.erase(wish);
  std::vector<std::string> others;
  for (const auto& [task_id, parked] : parked_) {
    if (parked.key == key && !parked.claimed) others.push_back(task_id);
  }
  for (const auto& other : others) drop_parked(other);
  std::string task_id = new_task_id();
  auto standby = std::move(waiting.front());
  waiting.pop_front();
  standby->changed.notify_all();
  Parked parked{.key = key, .task_id = task_id, .standby = standby, .version = version};
  parked.idle_until = Deadline::after(surroundings_.config.standby_idle);
  parked_.emplace(task_id, std::move(parked));
  scope_.spawn(keep_parked(std::move(task_id), std::move(standby), std::move(version)));
}

Task<void> Standbys::keep_parked(
    std::string task_id, std::shared_ptr<Standby> standby, model::FunctionVersionPtr version) {
  auto done = co_await park(task_id, standby, version);
  if (done) {
    co_await prepare(version);  // one that fits others, in its place
    done = co_await stay_parked(task_id, standby);
  }
  if (done) co_return;
  const bool ended = done.error().code == Code::Unavailable;
  if (done.error().code != Code::Cancelled) note_unparked(*version, done.error());
  parked_.erase(task_id);
  scope_.spawn(end(standby));  // whoever has taken it hears of it
  // What killed it may have killed others that wait; by then they are known.
  if (ended && !co_await sleep_until(Deadline::after(kBeforeRetry))) co_return;
  const Prepared prepared = co_await prepare(version);
  if (ended && prepared.parkable) wish_parked(prepared.key, std::move(version));
}

// Until it is taken or dropped. Unavailable: it has ended by itself.
Task<Result<void>> Standbys::stay_parked(std::string task_id, std::shared_ptr<Standby> standby) {
  for (auto found = parked_.find(task_id); found != parked_.end(); found = parked_.find(task_id)) {
    Deadline idle_until = found->second.idle_until;
    if (!standby->ready()) co_return error(Code::Unavailable, "it was killed, or has exited");
    if (idle_until.passed()) {
      drop_parked(task_id);
    } else {
      co_await standby->changed.wait(idle_until);
    }
  }
  co_return Result<void>();
}

Task<Result<void>> Standbys::park(
    std::string task_id, std::shared_ptr<Standby> standby, model::FunctionVersionPtr version) {
  CO_TRY(auto plan, co_await surroundings_.planner.plan(version, task_id));
  if (!plan.volumes.empty()) co_return error(Code::FailedPrecondition, "it has volumes");
  co_return co_await standby->park(std::move(plan), std::move(version), std::move(task_id));
}

void Standbys::drop_parked(std::string task_id) {
  auto found = parked_.find(task_id);
  if (found == parked_.end()) return;
  auto standby = found->second.standby;
  parked_.erase(found);
  changed_.notify_all();
  scope_.spawn(end(std::move(standby)));
}

void Standbys::give_way() {
  parking_from_ = Deadline::after(kAfterShortage);
  std::vector<std::string> dropped;
  for (const auto& [task_id, parked] : parked_) {
    if (!parked.claimed) dropped.push_back(task_id);
  }
  for (auto& task_id : dropped) drop_parked(std::move(task_id));
  for (const auto& [key, stock] : stocks_) drop_function(*stock);
}

void Standbys::note_unparked(const model::FunctionVersion& version, const Error& why) {
  log::info("{}/{}: no container is parked: {}", version.app_name, version.tag, why.message);
  if (unparked_.size() >= kMaxSetbacks) unparked_.clear();
  Setback& setback = unparked_[version.definition_id];
  if (setback.until.passed()) setback.failures = 0;
  // One that ended without a word may have been killed; the next ones tell.
  setback.failures += why.code == Code::Unavailable ? 1 : kParkingAttempts;
  setback.until = Deadline::after(kAfterRefusal);
}

bool Standbys::may_park(const model::FunctionVersion& version) const {
  auto found = unparked_.find(version.definition_id);
  return found == unparked_.end() || found->second.failures < kParkingAttempts || found->second.until.passed();
}

std::vector<DiskUser> Standbys::disk_users() const {
  std::vector<DiskUser> users;
  for (const auto& [task_id, parked] : parked_) {
    if (const RunDirectory* directory = parked.standby->directory()) users.push_back({task_id, directory->path()});
  }
  return users;
}

void Standbys::end_parked(const std::string& task_id, const std::string& why) {
  auto found = parked_.find(task_id);
  if (found == parked_.end()) return;
  log::warning("{}/{}: a parked container ends: {}", found->second.version->app_name, found->second.version->tag, why);
  drop_parked(task_id);
}

void Standbys::drop_parked_of(const std::string& app_id, const std::vector<model::FunctionVersionPtr>& but) {
  auto goes = [&](const model::FunctionVersionPtr& version) {
    return version->app_id == app_id && std::find(but.begin(), but.end(), version) == but.end();
  };
  std::erase_if(wishes_, [&](const auto& wish) { return goes(wish.second); });
  for (const auto& [key, stock] : stocks_) {
    if (stock->function.version && goes(stock->function.version)) drop_function(*stock);
  }
  std::vector<std::string> dropped;
  for (const auto& [task_id, parked] : parked_) {
    if (goes(parked.version)) dropped.push_back(task_id);
  }
  for (auto& task_id : dropped) drop_parked(std::move(task_id));
}

}  // namespace bimodal::runtime
