// Zygotes of functions: each stock has at most one.
#include "base/ids.h"
#include "base/log.h"
#include "runtime/standbys.h"

namespace bimodal::runtime {
namespace {

bool same(const model::FunctionVersionPtr& one, const model::FunctionVersionPtr& other) {
  return one && other && one->function_id == other->function_id && one->definition_id == other->definition_id;
}

}  // namespace

// It is loaded for what starts again and again: an app's functions that take turns would have it loaded each time.
// `only`: the app has no other function of that stock.
void Standbys::wish_function(const std::string& key, model::FunctionVersionPtr version, bool at_once) {
  auto found = stocks_.find(key);
  if (closed_ || found == stocks_.end()) return;
  StockPtr stock = found->second;
  const bool again = same(std::exchange(stock->last, version), version);
  if (!stock->zygote || !parking_from_.passed() || !(at_once || again)) return;
  if (same(stock->function.version, version) || unforkable_.contains(version->definition_id)) return;
  drop_function(*stock);
  auto zygote =
      std::make_shared<Zygote>(surroundings_.executor, surroundings_.sandboxes, surroundings_.config, new_task_id());
  zygotes_.insert(zygote);
  stock->function = {.version = std::move(version), .zygote = zygote};
  scope_.spawn(load_function(std::move(stock), std::move(zygote)));
}

Task<void> Standbys::load_function(StockPtr stock, std::shared_ptr<Zygote> zygote) {
  model::FunctionVersionPtr version = stock->function.version;
  while (holds(stock) && stock->zygote && stock->zygote->loading()) co_await changed_.wait(Deadline::never());
  co_await wait_for_turn(stock);
  const bool in_turn = !loading_;
  if (in_turn) loading_ = true;
  auto plan = co_await surroundings_.planner.plan(version, zygote->id());
  Result<void> loaded;
  if (!plan) {
    loaded = tl::unexpected<Error>(plan.error());
  } else {
    if (stock->function.zygote == zygote) stock->function.fingerprint = fingerprint_of(*plan, zygote->id());
    loaded = co_await zygote->load_function(*std::move(plan), version);
  }
  if (in_turn) loading_ = false;
  changed_.notify_all();
  if (stock->function.zygote != zygote) co_return;  // dropped meanwhile
  if (!loaded && loaded.error().code != Code::Cancelled) {
    log::info("{}/{}: its containers aren't forked late: {}", version->app_name, version->tag, loaded.error().message);
    if (unforkable_.size() >= kMaxSetbacks) unforkable_.clear();
    unforkable_.insert(version->definition_id);
  }
  if (!loaded) drop_function(*stock);
}

// Whether there is a zygote for such a start of that function. One that would fork what isn't of today goes.
bool Standbys::forks_function(Stock& stock, const model::FunctionVersionPtr& version, const std::string& fingerprint) {
  if (!same(stock.function.version, version) || !stock.function.zygote->ready()) return false;
  if (fingerprint == stock.function.fingerprint) return true;
  drop_function(stock);  // a secret has changed, say
  return false;
}

// One that becomes a container of that function by Standby::become().
std::shared_ptr<Standby> Standbys::fork_function(StockPtr stock) {
  auto standby = make();
  auto zygote = stock->function.zygote;
  scope_.spawn(load_forked(std::move(stock), standby, std::move(zygote)));
  return standby;
}

// Whoever took it ends it when it fails.
Task<void> Standbys::load_forked(StockPtr stock, std::shared_ptr<Standby> standby, std::shared_ptr<Zygote> zygote) {
  auto loaded = co_await standby->load(stock->plan, stock->version, zygote);
  changed_.notify_all();
  if (!loaded && loaded.error().code != Code::Cancelled && stock->function.zygote == zygote) drop_function(*stock);
}

void Standbys::drop_function(Stock& stock) {
  FunctionZygote dropped = std::exchange(stock.function, {});
  if (dropped.zygote) scope_.spawn(end_zygote(std::move(dropped.zygote)));
  changed_.notify_all();
}

}  // namespace bimodal::runtime
