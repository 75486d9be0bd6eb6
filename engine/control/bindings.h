// Instances of classes with parameters (FunctionBindParams, protocol §8.3): `Cls(x=1)`. Each has an id, which depends
// on nothing but what it is, and a pool of its own, which web requests with the same parameters use as well.
// Loop-bound.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "control/api.h"
#include "control/context.h"
#include "control/registry.h"
#include "rpc/service.h"
#include "scheduler/functions.h"
#include "store/binding_table.h"

namespace bimodal::control {

class Bindings {
 public:
  static constexpr int kMost = 100'000;  // the oldest are forgotten at a restart: their callers bind anew

  Bindings(Context& context, const Registry& registry, rpc::Service& service);

  // Reads what was bound before. Once, before anything is called.
  Task<Result<void>> recover();

  // Of a published function, or a bound one. Null when it isn't served.
  model::FunctionVersionPtr version(const std::string& function_id) const;
  // Where its inputs get slots. Null when it isn't served.
  std::shared_ptr<scheduler::PoolSource> source(const std::string& function_id) const;

 private:
  Task<Result<api::FunctionBindParamsResponse>> bind(rpc::Call call, api::FunctionBindParamsRequest request);

  Context& context_;
  const Registry& registry_;
  std::map<std::string, store::Binding> bindings_;  // by bound id
};

}  // namespace bimodal::control
