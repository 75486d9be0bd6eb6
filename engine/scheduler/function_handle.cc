#include "scheduler/function_handle.h"

#include <utility>

namespace bimodal::scheduler {

// The pool of one set of class arguments, made anew whenever the one that was is gone.
class FunctionHandle::Bound : public PoolSource {
 public:
  Bound(std::shared_ptr<FunctionHandle> handle, model::ClassArguments arguments)
      : handle_(std::move(handle)), variant_{.arguments = std::move(arguments)} {}

  Result<PoolPtr> pool() override {
    return handle_->pool_of(variant_, [](const model::FunctionVersion& deployed) { return deployed; });
  }

 private:
  const std::shared_ptr<FunctionHandle> handle_;
  const model::Variant variant_;
};

Result<std::shared_ptr<Pool>> FunctionHandle::pool() {
  std::lock_guard lock(mutex_);
  if (!pool_) return error(Code::Unavailable, "the app is stopped");
  return pool_;
}

Result<std::shared_ptr<PoolSource>> FunctionHandle::bind(model::ClassArguments arguments) {
  auto source = std::make_shared<Bound>(shared_from_this(), std::move(arguments));
  TRY_VOID(source->pool());
  return source;
}

Result<FunctionHandle::PoolPtr> FunctionHandle::pool_of(const model::Variant& variant, const Derive& derive) {
  std::lock_guard lock(mutex_);
  if (!pool_) return error(Code::Unavailable, "the app is stopped");
  if (auto found = bound_.find(variant); found != bound_.end()) return found->second;
  if (static_cast<int>(bound_.size()) >= max_sets_ && !make_room()) {
    return error(
        Code::ResourceExhausted,
        "more than {} sets of class parameters and options of one function are in use at a time (setting "
        "scheduler.max_parameter_sets)",
        max_sets_);
  }
  TRY(auto derived, derive(pool_->version()));
  auto version = std::make_shared<model::FunctionVersion>(std::move(derived));
  version->variant = variant;
  // Callers choose the variants, so that none is kept warm: their number is the callers', too.
  version->scaling.min_containers = 0;
  return bound_.emplace(variant, make_(std::move(version))).first->second;
}

// Lets every pool go in which there is nothing.
bool FunctionHandle::make_room() {
  const std::size_t before = bound_.size();
  std::erase_if(bound_, [this](auto& entry) {
    const PoolLoad load = entry.second->load();
    const bool idle = load.containers + load.starting + load.running + load.waiting == 0;
    if (idle) retire_(entry.second);
    return idle;
  });
  return bound_.size() < before;
}

std::vector<FunctionHandle::PoolPtr> FunctionHandle::set(PoolPtr pool) {
  std::lock_guard lock(mutex_);
  std::vector<PoolPtr> replaced;
  for (auto& [variant, bound] : bound_) replaced.push_back(std::move(bound));
  bound_.clear();
  pool_ = std::move(pool);
  return replaced;
}

std::vector<FunctionHandle::PoolPtr> FunctionHandle::bound_pools() const {
  std::lock_guard lock(mutex_);
  std::vector<PoolPtr> pools;
  for (const auto& [variant, pool] : bound_) pools.push_back(pool);
  return pools;
}

}  // namespace bimodal::scheduler
