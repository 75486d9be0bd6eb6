#include <algorithm>

#include "scheduler/functions.h"

namespace bimodal::scheduler {

// The pool of one set of arguments, made anew whenever the one that was is gone.
class FunctionHandle::Bound : public PoolSource {
 public:
  Bound(std::shared_ptr<FunctionHandle> handle, model::ClassArguments arguments)
      : handle_(std::move(handle)), arguments_(std::move(arguments)) {}

  std::shared_ptr<Pool> pool() override { return handle_->pool_of(arguments_).value_or(nullptr); }

 private:
  const std::shared_ptr<FunctionHandle> handle_;
  const model::ClassArguments arguments_;
};

std::shared_ptr<Pool> FunctionHandle::pool() {
  std::lock_guard lock(mutex_);
  return pool_;
}

Result<std::shared_ptr<PoolSource>> FunctionHandle::bind(model::ClassArguments arguments) {
  TRY_VOID(pool_of(arguments));
  return std::make_shared<Bound>(shared_from_this(), std::move(arguments));
}

Result<FunctionHandle::PoolPtr> FunctionHandle::pool_of(const model::ClassArguments& arguments) {
  std::lock_guard lock(mutex_);
  if (!pool_) return error(Code::Unavailable, "the app is stopped");
  if (auto found = bound_.find(arguments); found != bound_.end()) return found->second;
  if (static_cast<int>(bound_.size()) >= max_sets_ && !make_room()) {
    return error(
        Code::ResourceExhausted,
        "more than {} sets of class parameters are in use at a time (setting scheduler.max_parameter_sets)", max_sets_);
  }
  auto version = std::make_shared<model::FunctionVersion>(pool_->version());
  version->arguments = arguments;
  return bound_.emplace(arguments, make_(std::move(version))).first->second;
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
  for (auto& [arguments, bound] : bound_) replaced.push_back(std::move(bound));
  bound_.clear();
  pool_ = std::move(pool);
  return replaced;
}

std::vector<FunctionHandle::PoolPtr> FunctionHandle::bound_pools() const {
  std::lock_guard lock(mutex_);
  std::vector<PoolPtr> pools;
  for (const auto& [arguments, pool] : bound_) pools.push_back(pool);
  return pools;
}

}  // namespace bimodal::scheduler
