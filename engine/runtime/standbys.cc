#include "runtime/standbys.h"

#include <algorithm>

#include "base/ids.h"
#include "base/log.h"

namespace bimodal::runtime {

using namespace std::chrono_literals;

namespace {

constexpr auto kAfterStart = 200ms;  // containers that start now, or have just started, go first
constexpr auto kAfterBurst = 1s;     // but not for longer
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
  drop_parked_of(app_id, versions);
  if (closed_ || surroundings_.config.max_standbys == 0) return;
  if (!versions.empty()) scope_.spawn(expect_all(app_id, std::move(versions)));
}

void Standbys::dismiss(const std::string& app_id) {
  apps_.erase(app_id);
  auto stocks = stocks_;
  for (const auto& [key, stock] : stocks) {
    if (stock->app_id == app_id) drop(stock);
  }
  drop_parked_of(app_id, {});
}

void Standbys::want(model::FunctionVersionPtr version) {
  if (closed_ || surroundings_.config.max_standbys == 0 || !apps_.contains(version->app_id)) return;
  last_start_ = Deadline::Clock::now();
  if (wanted_[version]++ == 0) scope_.spawn(want_one(std::move(version)));
}

std::shared_ptr<Standby> Standbys::take(
    const model::FunctionVersionPtr& version, const ContainerPlan& plan, const std::string& task_id) {
  if (!plan.reserve || closed_) return nullptr;
  auto found = stocks_.find(key_of(*version, plan, surroundings_.config));
  if (found == stocks_.end()) return nullptr;
  StockPtr stock = found->second;
  // One that waits is there at once; what comes behind those gains by a fork where the user's code begins.
  const bool forks = forks_function(*stock, version, fingerprint_of(plan, task_id));
  const bool waits = !stock->waiting.empty() && stock->waiting.front()->ready();
  if (forks && !waits) return fork_function(std::move(stock));
  std::shared_ptr<Standby> standby;
  if (!stock->waiting.empty()) {
    standby = std::move(stock->waiting.front());
    stock->waiting.pop_front();
    standby->changed.notify_all();
  } else if (stock->zygote) {
    standby = make();
    scope_.spawn(load_taken(stock, standby));
  }
  stock->urgent = standby && !standby->ready();
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
  for (const auto& [key, stock] : stocks_) {
    auto unforked = unforked_.find(key);
    const std::string why = unforked == unforked_.end() ? "" : unforked->second;
    for (const auto& standby : stock->waiting) {
      all.push_back({standby->id(), stock->app_id, standby->ready(), false, why});
    }
    if (stock->waiting.empty()) all.push_back({"", stock->app_id, false, false, why});
    const auto& function = stock->function.zygote;
    if (function && function->loading()) all.push_back({function->id(), stock->app_id, false, false, ""});
  }
  for (const auto& [task_id, parked] : parked_) {
    all.push_back({parked.standby->id(), parked.version->app_id, parked.standby->parked(), true, ""});
  }
  return all;
}

Task<void> Standbys::close() {
  closed_ = true;
  auto stocks = stocks_;
  for (const auto& [key, stock] : stocks) drop(stock);
  parked_.clear();
  wishes_.clear();
  auto alive = alive_;
  for (const auto& standby : alive) scope_.spawn(end(standby));
  while (!alive_.empty() || !zygotes_.empty()) co_await changed_.wait(Deadline::never());
  co_await scope_.close();
}

// The stocks of images that the app doesn't have any more go.
Task<void> Standbys::expect_all(std::string app_id, std::vector<model::FunctionVersionPtr> versions) {
  if (!co_await sleep_until(Deadline::after(kAfterStart))) co_return;
  std::set<std::string> keys;
  std::map<std::string, std::vector<model::FunctionVersionPtr>> functions;  // of each key; null: can't be parked
  for (auto& version : versions) {
    Prepared prepared = co_await prepare(version);
    wishes_.erase(prepared.key);
    keys.insert(prepared.key);
    functions[std::move(prepared.key)].push_back(prepared.parkable ? std::move(version) : nullptr);
  }
  for (auto& [key, alike] : functions) {
    if (alike.size() != 1 || !alike.front()) continue;
    wish_parked(key, alike.front());
    wish_function(key, std::move(alike.front()), true);
  }
  auto stocks = stocks_;
  for (const auto& [key, stock] : stocks) {
    if (stock->app_id == app_id && !keys.contains(key)) drop(stock);
  }
}

Task<void> Standbys::want_one(model::FunctionVersionPtr version) {
  const Deadline latest = Deadline::after(kAfterBurst);
  for (Deadline due = after_starts(latest); !due.passed(); due = after_starts(latest)) {
    if (!co_await sleep_until(due)) co_return;
  }
  const int starts = wanted_.extract(version).mapped();
  Prepared prepared = co_await prepare(version);
  if (!prepared.parkable) co_return;
  wish_parked(prepared.key, version);
  wish_function(prepared.key, std::move(version), starts > 1);
}

Deadline Standbys::after_starts(Deadline latest) const {
  return Deadline::at(std::min(last_start_ + kAfterStart, latest.point()));
}

// Makes sure that there is a full stock for that version, or will be.
Task<Standbys::Prepared> Standbys::prepare(model::FunctionVersionPtr version) {
  auto plan = co_await surroundings_.planner.plan(version, "");
  Prepared prepared;
  if (!plan || !plan->reserve) co_return prepared;
  std::string key = key_of(*version, *plan, surroundings_.config);
  if (closed_ || !apps_.contains(version->app_id)) co_return prepared;
  prepared.key = key;
  prepared.parkable = plan->volumes.empty() && may_park(*version);
  const Deadline idle_until = Deadline::after(surroundings_.config.standby_idle);
  auto found = stocks_.find(key);
  if (found != stocks_.end()) {
    found->second->idle_until = idle_until;
    scope_.spawn(fill(found->second));
  } else if (may_try(key)) {
    make_room();
    auto stock = add_stock(std::move(key), *std::move(plan), std::move(version));
    stock->idle_until = idle_until;
    scope_.spawn(keep(std::move(stock)));
  }
  co_return prepared;
}

Standbys::StockPtr Standbys::add_stock(std::string key, ContainerPlan plan, model::FunctionVersionPtr version) {
  auto stock = std::make_shared<Stock>();
  stock->key = key;
  stock->app_id = version->app_id;
  stock->version = std::move(version);
  plan.layers.resize(plan.reserve->layers);
  stock->plan.layers = std::move(plan.layers);
  stock->plan.workdir = std::move(plan.workdir);
  stock->plan.user = std::move(plan.user);
  stock->plan.python = std::move(plan.python);
  stock->plan.reserve = std::move(plan.reserve);
  if (stock->plan.user.empty() && !unforked_.contains(key)) {
    stock->zygote =
        std::make_shared<Zygote>(surroundings_.executor, surroundings_.sandboxes, surroundings_.config, new_id("zy"));
    zygotes_.insert(stock->zygote);
  }
  stocks_.emplace(std::move(key), stock);
  return stock;
}

Task<void> Standbys::keep(StockPtr stock) {
  if (stock->zygote) co_await load_zygote(stock);
  co_await fill(stock);
  while (holds(stock)) {
    const Deadline idle_until = stock->idle_until;
    if (idle_until.passed()) {
      drop(stock);
    } else {
      co_await changed_.wait(idle_until);
    }
  }
}

Task<void> Standbys::load_zygote(StockPtr stock) {
  auto zygote = stock->zygote;
  co_await wait_for_turn(stock);
  const bool in_turn = !loading_;
  if (in_turn) loading_ = true;
  auto loaded = co_await zygote->load(stock->plan, stock->version);
  if (in_turn) loading_ = false;
  changed_.notify_all();
  if (loaded || loaded.error().code == Code::Cancelled) co_return;
  if (loaded.error().code != Code::FailedPrecondition) {
    set_back(*stock, loaded.error());
    if (holds(stock)) drop(stock);
    co_return;
  }
  note_unforked(*stock, loaded.error());
  if (stock->zygote) scope_.spawn(end_zygote(std::exchange(stock->zygote, nullptr)));
}

// Until as many wait as are wanted.
Task<void> Standbys::fill(StockPtr stock) {
  if (stock->zygote && stock->zygote->loading()) co_return;  // keep() does it then
  if (std::exchange(stock->filling, true)) co_return;
  while (holds(stock) && stock->waiting.size() < wanted(*stock)) {
    auto standby = make();
    stock->waiting.push_back(standby);
    auto loaded = co_await load(stock, standby);
    if (loaded || loaded.error().code == Code::Cancelled) continue;
    if (stock->zygote && loaded.error().code == Code::FailedPrecondition) {
      note_unforked(*stock, loaded.error());
    } else {
      set_back(*stock, loaded.error());
    }
    std::erase(stock->waiting, standby);
    scope_.spawn(end(std::move(standby)));
    if (holds(stock)) drop(stock);
  }
  stock->filling = false;
}

Task<Result<void>> Standbys::load(StockPtr stock, std::shared_ptr<Standby> standby) {
  auto zygote = stock->zygote;
  if (!zygote) co_await wait_for_turn(stock);
  const bool in_turn = !zygote && !loading_;
  if (in_turn) loading_ = true;
  auto loaded = co_await standby->load(stock->plan, stock->version, std::move(zygote));
  if (in_turn) loading_ = false;
  stock->urgent = false;
  changed_.notify_all();
  if (!loaded) co_return loaded;
  setbacks_.erase(stock->key);
  scope_.spawn(keep_waiting(stock, standby));
  if (holds(stock)) park_if_ready(stock->key);
  co_return loaded;
}

// Until it is taken; one that ends by itself is replaced.
Task<void> Standbys::keep_waiting(StockPtr stock, std::shared_ptr<Standby> standby) {
  auto waits = [&] { return std::find(stock->waiting.begin(), stock->waiting.end(), standby) != stock->waiting.end(); };
  while (waits() && standby->ready()) {
    if (!co_await standby->changed.wait(Deadline::never())) co_return;
  }
  if (!waits()) co_return;
  std::erase(stock->waiting, standby);
  scope_.spawn(end(std::move(standby)));
  if (co_await sleep_until(Deadline::after(kFirstPause))) co_await fill(std::move(stock));
}

// Whoever took it ends it when it fails.
Task<void> Standbys::load_taken(StockPtr stock, std::shared_ptr<Standby> standby) {
  auto loaded = co_await standby->load(stock->plan, stock->version, stock->zygote);
  changed_.notify_all();
  const bool broken = !loaded && loaded.error().code != Code::Cancelled && stock->zygote && !stock->zygote->loading();
  if (broken && holds(stock)) drop(stock);
}

// One that a start waits for doesn't wait for others.
Task<void> Standbys::wait_for_turn(StockPtr stock) {
  while (loading_ && !stock->urgent && holds(stock) && !closed_) co_await changed_.wait(Deadline::never());
}

Task<void> Standbys::end(std::shared_ptr<Standby> standby) {
  co_await standby->end();
  release(standby);
}

Task<void> Standbys::end_zygote(std::shared_ptr<Zygote> zygote) {
  co_await zygote->end();
  zygotes_.erase(zygote);
  changed_.notify_all();
}

std::shared_ptr<Standby> Standbys::make() {
  auto standby = std::make_shared<Standby>(surroundings_.executor, surroundings_.sandboxes, surroundings_.config);
  alive_.insert(standby);
  return standby;
}

std::size_t Standbys::wanted(const Stock& stock) const {
  return stock.zygote ? static_cast<std::size_t>(surroundings_.config.standby_ready) : 1;
}

void Standbys::note_unforked(const Stock& stock, const Error& why) {
  if (unforked_.size() >= kMaxSetbacks) unforked_.clear();
  if (!unforked_.emplace(stock.key, why.message).second) return;
  say(stock, "containers of this image aren't forked, but loaded one by one: " + why.message);
}

bool Standbys::may_try(const std::string& key) {
  auto found = setbacks_.find(key);
  return found == setbacks_.end() || found->second.until.passed();
}

void Standbys::set_back(const Stock& stock, const Error& why) {
  if (setbacks_.size() >= kMaxSetbacks) setbacks_.clear();
  Setback& setback = setbacks_[stock.key];
  const bool first = setback.failures++ == 0;
  auto pause = kFirstPause * (1 << std::min(setback.failures - 1, 10));
  setback.until = Deadline::after(std::min<Deadline::Clock::duration>(pause, kLongestPause));
  if (first) say(stock, "containers of this image are started from the beginning: " + why.message);
}

void Standbys::say(const Stock& stock, const std::string& text) {
  log::info("{}/{}: {}", stock.version->app_name, stock.version->tag, text);
  model::LogEntry line;
  line.app_id = stock.app_id;
  line.function_id = stock.version->function_id;
  line.stream = model::LogStream::System;
  line.text = text + "\n";
  line.at = std::chrono::system_clock::now();
  surroundings_.logs(std::move(line));
}

bool Standbys::holds(const StockPtr& stock) const {
  auto found = stocks_.find(stock->key);
  return found != stocks_.end() && found->second == stock;
}

void Standbys::drop(StockPtr stock) {
  stocks_.erase(stock->key);
  auto waiting = std::exchange(stock->waiting, {});
  for (auto& standby : waiting) scope_.spawn(end(std::move(standby)));
  drop_function(*stock);
  if (stock->zygote) scope_.spawn(end_zygote(std::exchange(stock->zygote, nullptr)));
  changed_.notify_all();
}

// The one that was wanted longest ago gives way.
void Standbys::make_room() {
  const auto most = static_cast<std::size_t>(surroundings_.config.max_standbys);
  auto older = [](const auto& a, const auto& b) { return a.second.idle_until.point() < b.second.idle_until.point(); };
  while (stocks_.size() + parked_.size() >= most && !parked_.empty()) {
    drop_parked(std::min_element(parked_.begin(), parked_.end(), older)->first);
  }
  auto longer = [](const auto& a, const auto& b) {
    return a.second->idle_until.point() < b.second->idle_until.point();
  };
  while (stocks_.size() >= most) drop(std::min_element(stocks_.begin(), stocks_.end(), longer)->second);
}

}  // namespace bimodal::runtime
