// Where the pools of a function are to be had: its own, and those of its variants. Any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "scheduler/pool.h"

namespace bimodal::scheduler {

class PoolSource {
 public:
  virtual ~PoolSource() = default;
  // Unavailable when the function's app is stopped, and as FunctionHandle::pool_of() fails. A caller to whom this pool
  // answers Unavailable was overtaken by a publish and asks again: the new pool is here before the old one closes.
  virtual Result<std::shared_ptr<Pool>> pool() = 0;
};

// Stable for the life of a function id; the pools behind it change at a publish.
//
// Each variant that was asked for lately has a pool of its own. What a class with parameters was deployed as has none
// of its arguments; pool() is then only good for its version().
class FunctionHandle : public PoolSource, public std::enable_shared_from_this<FunctionHandle> {
 public:
  // Makes the version of a variant from the one that was deployed.
  using Derive = std::function<Result<model::FunctionVersion>(const model::FunctionVersion& deployed)>;

  Result<std::shared_ptr<Pool>> pool() override;
  // The pool of that variant. Unavailable when the app is stopped; ResourceExhausted when
  // PoolLimits::max_parameter_sets others have containers or requests; as `derive` fails.
  Result<std::shared_ptr<Pool>> pool_of(const model::Variant& variant, const Derive& derive);
  // The source of the pool for these arguments of a class, one for each of its parameters. Fails as pool_of().
  Result<std::shared_ptr<PoolSource>> bind(model::ClassArguments arguments);

 private:
  friend class Functions;
  using PoolPtr = std::shared_ptr<Pool>;
  class Bound;

  // Makes a pool; lets one go that has been replaced. Set when the handle is made.
  std::function<PoolPtr(model::FunctionVersionPtr)> make_;
  std::function<void(PoolPtr)> retire_;
  int max_sets_ = 0;

  // Returns the pools of variants of the one that was.
  std::vector<PoolPtr> set(PoolPtr pool);
  std::vector<PoolPtr> bound_pools() const;
  bool make_room();

  mutable std::mutex mutex_;
  PoolPtr pool_;
  std::map<model::Variant, PoolPtr> bound_;
};

}  // namespace bimodal::scheduler
